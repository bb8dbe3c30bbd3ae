"""A user and a secret in one header, as HTTP has it (RFC 7617)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """Who asks, and by what it is proven.

    Args:
        user: May be empty.
        secret: A password or a token.
    """

    user: str
    secret: str = field(repr=False)

    @property
    def encoded(self) -> str:
        """Both as they are sent; it is as secret as the secret."""
        pair = f"{self.user}:{self.secret}"
        if not (pair.isascii() and pair.isprintable()):
            # Encoded, the line end of a token that was read from a file would be sent unseen, and
            # refused without a reason. Like this the conversation refuses it and says why.
            return pair
        return base64.b64encode(pair.encode()).decode()

    @property
    def header(self) -> str:
        """What the header `Authorization` says."""
        return f"Basic {self.encoded}"
