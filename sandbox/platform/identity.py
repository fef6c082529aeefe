"""Who is calling: bearer tokens, signed by the auth service and checked by the backend."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import jwt

ALGORITHM = "HS256"
LIFETIME_SECONDS = 3600
REMEMBERED_TOKENS = 4096


class TokenError(Exception):
    """The bearer token is missing, forged or expired."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller and the Unix time their token ends."""

    user_id: UUID
    expires_at: float


def issue(user_id: UUID, key: str) -> str:
    """Return a signed token for the user, good for ``LIFETIME_SECONDS``."""
    now = int(time.time())
    claims = {"sub": str(user_id), "iat": now, "exp": now + LIFETIME_SECONDS}
    return jwt.encode(claims, key, algorithm=ALGORITHM)


class Verifier:
    """Checks tokens against one key, remembering the ones it has checked until they end."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._checked: OrderedDict[str, Identity] = OrderedDict()

    def verify(self, token: str) -> Identity:
        """Return whose token it is.

        :param token: the token.
        :raises TokenError: when it is not one of ours, or no longer good.
        """
        known = self._checked.get(token)
        if known and known.expires_at > time.time():
            return known
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM], options={"require": ["sub", "exp"]})
            identity = Identity(UUID(claims["sub"]), float(claims["exp"]))
        except (jwt.InvalidTokenError, ValueError) as error:
            raise TokenError(f"the token is not good: {type(error).__name__}") from None
        self._checked[token] = identity
        if len(self._checked) > REMEMBERED_TOKENS:
            self._checked.popitem(last=False)
        return identity

    def verify_header(self, authorization: str | None) -> Identity:
        """Return whose ``Authorization: Bearer`` header it is.

        :param authorization: the header; None when there is none.
        :raises TokenError: when there is no bearer token, or it is not good.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenError("send the header Authorization: Bearer <token from the auth service>")
        return self.verify(token.strip())
