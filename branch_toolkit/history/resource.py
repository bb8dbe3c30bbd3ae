"""The resource by which a branch deployment reaches the history of the base deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import dagster as dg
from pydantic import ConfigDict, Field

from branch_toolkit.core.branch import without_credentials

if TYPE_CHECKING:
    from branch_toolkit.history.asking import BaseDeployment


class BaseHistory(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The base deployment's history of materializations.

    With it, `provision_branch` and `refresh_branch` report base's latest materializations into the
    branch deployment that they run in, with base's run and data versions.

    Examples:
        ```python
        BaseHistory(url="https://acme.dagster.cloud/prod", token=dg.EnvVar("BASE_TOKEN"))
        BaseHistory(url="http://dagster.internal:3000")
        ```
    """

    # Of a mistake in one field pydantic would show what was given, secrets too.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = Field(
        repr=False,
        description=(
            "What the base deployment's UI is opened with: https://ORG.dagster.cloud/prod in"
            " Dagster+, or http://host:3000. With a password in it, give it by dg.EnvVar."
        ),
    )
    token: str | None = Field(
        default=None,
        repr=False,
        description=(
            "A Dagster+ token that may view the base deployment; give it by dg.EnvVar. Not needed"
            " elsewhere."
        ),
    )
    timeout: float = Field(default=30.0, gt=0, description="Seconds to wait for each answer.")
    max_partitions: int = Field(
        default=366,
        ge=1,
        description=(
            "Most partitions of an asset that are reported: the latest ones. Each is an event in"
            " the branch deployment's storage."
        ),
    )

    @property
    def base(self) -> BaseDeployment:
        """The base deployment, to be asked.

        Raises:
            BaseHistoryUnavailable: The URL is not one.
        """
        # httpx is imported where something is asked, and not in every code location.
        from branch_toolkit.history.asking import BaseDeployment, malformed

        if not _is_web_url(self.url):
            raise malformed(without_credentials(self.url).partition("?")[0])
        return BaseDeployment(_ui_url(self.url), token=self.token, timeout=self.timeout)

    @property
    def shows_a_secret(self) -> bool:
        """Whether a secret stands in the definitions, from where Dagster shows it."""
        literal = [text for text in (self.url, self.token) if not isinstance(text, dg.EnvVar)]
        return any(text and (text == self.token or "@" in text) for text in literal)

    def check(self) -> None:
        """Refuses a URL that is none, where it stands in the definitions.

        Raises:
            BaseHistoryUnavailable: The URL is not one.
        """
        # Not a validator: that would act in runs as well, and a run need not fail for this.
        if not isinstance(self.url, dg.EnvVar):
            _ = self.base


def _ui_url(url: str) -> str:
    return url.strip().rstrip("/").removesuffix("/graphql").rstrip("/")


def _is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url.strip())
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
    except ValueError:
        return False
