"""Signing in to GitHub as an App: a signed claim is exchanged for a token that lasts an hour."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from branch_toolkit.branches.items import Item
from branch_toolkit.branches.refusals import Forge
from branch_toolkit.core.errors import BranchSourceUnavailable

if TYPE_CHECKING:
    from branch_toolkit.branches.conversation import Conversation

_CLAIM_LASTS = timedelta(minutes=9)
# The clocks of two machines differ; GitHub refuses a claim from the future.
_CLAIM_BEGAN = timedelta(seconds=60)
_RENEWED_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    expires: datetime


_tokens: dict[bytes, _Token] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubApp:
    """A GitHub App that is installed where the repository is.

    Sources: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app

    Args:
        app_id: Its id or client id.
        private_key: Its private key, in PEM.
        installation_id: Where it is installed; None: looked up by the repository.
    """

    app_id: str
    private_key: str = field(repr=False)
    installation_id: int | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be said."""
        return (self.private_key,)

    def token(
        self, forge: Forge, converse: Callable[[Forge], AbstractContextManager[Conversation]]
    ) -> str:
        """A token of the installation; the last one, until shortly before it expires.

        Args:
            forge: Where; without a credential yet.
            converse: Opens a conversation with it.

        Raises:
            BranchSourceUnavailable: The key cannot be used, or GitHub does not accept the App.
        """
        now = datetime.now(tz=timezone.utc)
        key = self._key(forge)
        with _lock:
            known = _tokens.get(key)
        if known is not None and now < known.expires - _RENEWED_BEFORE:
            return known.text
        claim = self._claim(forge, now=now)
        with converse(_with(forge, claim)) as talk:
            made = self._exchange(talk, now=now)
        with _lock:
            _tokens[key] = made
        return made.text

    def forget(self, forge: Forge) -> None:
        """Forgets the token, so that the next request asks for a new one."""
        with _lock:
            _tokens.pop(self._key(forge), None)

    def _key(self, forge: Forge) -> bytes:
        parts = (self.app_id, self.private_key, forge.url, forge.repository, self.installation_id)
        return hashlib.sha256(repr(parts).encode()).digest()

    def _claim(self, forge: Forge, *, now: datetime) -> str:
        try:
            import jwt
        except ModuleNotFoundError as error:
            raise BranchSourceUnavailable(
                "Signing in as a GitHub App needs the package 'jwt', which is not there.",
                remedy='Install it: pip install "dagster-branch-toolkit[github-app]"',
            ) from error
        claim = {"iat": now - _CLAIM_BEGAN, "exp": now + _CLAIM_LASTS, "iss": self.app_id}
        try:
            return jwt.encode(claim, self.private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            # What the library says of the key may hold a part of it.
            raise forge.unavailable(
                f"was not asked: `private_key` is not a private RSA key ({type(error).__name__})",
                remedy="Give the whole PEM file that GitHub made, with its line ends.",
            ) from None

    def _exchange(self, talk: Conversation, *, now: datetime) -> _Token:
        installation = self.installation_id or self._installation(talk)
        path = f"/app/installations/{installation}/access_tokens"
        # A token more does no harm, so a lost answer may be asked for again.
        answer = Item(talk.send("POST", path, {}, again=True).object)
        text = answer.text("token")
        if text is None:
            raise talk.forge.unexpected("no token, where one was asked for")
        # Without a time it is renewed for the next look.
        return _Token(text, answer.moment("expires_at") or now)

    def _installation(self, talk: Conversation) -> int:
        found = Item(talk.get(f"/repos/{talk.forge.repository}/installation").object).number("id")
        if found is None:
            raise talk.forge.unexpected("no installation, where one was asked for")
        return found


def _with(forge: Forge, claim: str) -> Forge:
    return replace(
        forge,
        headers={**forge.headers, "Authorization": f"Bearer {claim}"},
        secrets=(*forge.secrets, claim),
        credential="app_id` and `private_key",
        read_right="the App installed for this repository",
        write_right="the App installed for this repository",
    )
