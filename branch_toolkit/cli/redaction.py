"""Secrets are taken out of whatever is said on stderr, even of errors that are not ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

MASK = "***"
_CREDENTIALS = re.compile(r"(?<=://)(?!user:password@)\S*@")
_LOGIN = re.compile(r"://(?P<user>[^:/@\s]*):(?P<password>\S*)@")
_SECRET_NAME = re.compile(r"PASSWORD|PASSWD|TOKEN|SECRET|PRIVATE_KEY(?!_PATH)", re.IGNORECASE)
# Shorter words would be found in ordinary text all over, and no password has so few letters.
_SHORTEST = 4


class Redaction:
    """What must not be said, learnt from the environment and the options."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Redaction:
        """Knows the passwords in environment variables.

        Args:
            environ: Usually `os.environ`.
        """
        redaction = cls()
        for name, value in environ.items():
            redaction.learn(value)
            if _SECRET_NAME.search(name):
                redaction._add([value], public="")
        return redaction

    def learn(self, url: str | None) -> None:
        """Remembers the password in a URL, if there is one."""
        for match in _LOGIN.finditer(url or ""):
            password = match["password"]
            # A password with an unquoted @ or / is torn apart, and its parts land in host or path.
            parts = re.split(r"[@:/?#]", password)
            self._add([password, unquote(password), *parts], public=match["user"])

    def clean(self, text: str) -> str:
        """The text without them."""
        text = _CREDENTIALS.sub(f"{MASK}@", text)
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    def _add(self, secrets: Iterable[str], *, public: str) -> None:
        # A password that equals the user's name would take that out of every message.
        self._secrets.update(s for s in secrets if len(s) >= _SHORTEST and s != public)
