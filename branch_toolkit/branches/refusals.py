"""Why a forge could not be asked, said so that the reader knows which field to correct."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from branch_toolkit.core.branch import without_credentials
from branch_toolkit.core.errors import BranchSourceUnavailable

_UNTIL_THEN = "Until then no environment is made, retired or dropped."
_UNANNOUNCED = "Until then it is not announced; the environment is looked after all the same."
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """A forge and a repository on it, as requests are sent to it and errors speak of it.

    Args:
        name: What people call it, such as `GitHub`.
        source: The class that asks, such as `GitHubBranches`.
        repository: The repository as it was configured.
        url: The API's base URL, without a slash at the end.
        headers: What every request carries, the credential among them.
        secrets: What must not be said, even where the forge itself says it.
        credential: The field that the credential is given by, such as `token`.
        repository_fields: The fields that name the repository.
        read_right: The least that the credential must be allowed, to read.
        write_right: The least that the credential must be allowed, to announce.
        announcing: Whether it is spoken to for an announcement.
    """

    name: str
    source: str
    repository: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    credential: str = "token"
    repository_fields: str = "repository"
    read_right: str
    write_right: str = ""
    announcing: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.repository})"

    def refused(self, status: int, said: str) -> BranchSourceUnavailable:
        """An answer that will be the same if asked again.

        Args:
            status: The HTTP status.
            said: The forge's own words, or nothing.
        """
        right = self.write_right if self.announcing else self.read_right
        missing = "pull request or commit" if self.announcing else "repository"
        answer = f"{status}: {said}" if said else str(status)
        if status == 401:
            return self.unavailable(
                f"refused the credential ({answer})",
                remedy=(
                    f"It is missing, has expired, was revoked, or belongs to another forge: give"
                    f" `{self.credential}` of {self.source} one that has {right}."
                ),
            )
        if status == 403:
            return self.unavailable(
                f"does not allow it to the credential ({answer})",
                remedy=f"Give `{self.credential}` of {self.source} one that has {right}.",
            )
        if status in (404, 410):
            return self.unavailable(
                f"knows no such {missing} at {self.url}, or does not show it to the credential"
                f" ({answer})",
                remedy=(
                    f"Correct `{self.repository_fields}` of {self.source}, or give"
                    f" `{self.credential}` one that has {right}."
                ),
            )
        return self.unavailable(
            f"answered {answer}",
            remedy=f"Check `{self.repository_fields}` and the base URL of {self.source}.",
        )

    def unreachable(self, reason: str) -> BranchSourceUnavailable:
        """No answer, or none that was of use, also when asked again."""
        return self.unavailable(
            f"could not be asked: {reason}",
            remedy=(
                f"If it stays so, check that {self.url} can be reached from where the sensors run."
            ),
        )

    def limited(self, until: datetime) -> BranchSourceUnavailable:
        """The rate limit is used up."""
        return self.unavailable(
            f"takes no more requests until {until:%Y-%m-%d %H:%M:%S %Z}, as its rate limit is used"
            " up",
            remedy=(
                "Let the sensors tick less often, or use a credential that nothing else asks with."
            ),
        )

    def unexpected(self, reason: str) -> BranchSourceUnavailable:
        """An answer that is not what this forge answers."""
        return self.unavailable(
            f"answered something unexpected: {reason}",
            remedy=(
                f"Check that the base URL of {self.source} is that of {self.name}'s API, and that"
                " no login page stands in between."
            ),
        )

    def unavailable(self, problem: str, *, remedy: str) -> BranchSourceUnavailable:
        """The error, with no secret in it.

        Args:
            problem: What it did, as a clause that completes the forge's name.
            remedy: What to do about it.
        """
        clean = without_credentials(self.clean(problem))
        until_then = _UNANNOUNCED if self.announcing else _UNTIL_THEN
        return BranchSourceUnavailable(f"{self} {clean}.", remedy=f"{remedy} {until_then}")

    def clean(self, text: str) -> str:
        """The text without the credential, in one line, and not too long."""
        for secret in self.secrets:
            text = text.replace(secret, "***") if secret else text
        line = " ".join(text.split())
        return line if len(line) <= 2 * _LONGEST else f"{line[: 2 * _LONGEST]} …"


def said(data: object) -> str:
    """The reason in an answer that is an error: forges put it in `message` or `error`."""
    fields = data if isinstance(data, Mapping) else {}
    for name in ("message", "error_description", "error"):
        value = fields.get(name)
        if isinstance(value, Mapping):
            value = value.get("message")
        if value:
            return str(value)[:_LONGEST]
    return ""
