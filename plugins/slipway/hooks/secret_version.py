"""A pinned version of a secret: what a revision is given, never ``latest``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SecretVersion:
    """One immutable version of one secret.

    ``latest`` is refused: it is resolved when an instance starts, so that one revision could run with two
    values, and a rollback of the revision would not bring the value back.

    :param secret: name of the secret in the service's project, or ``projects/<project>/secrets/<name>``.
    :param version: number of the version, from 1, in decimal digits.
    :raises ValueError: when ``version`` is not such a number, or ``secret`` is empty.
    """

    secret: str
    version: str

    def __post_init__(self) -> None:
        if not self.secret:
            raise ValueError("secret='': name the secret")
        if not (self.version.isascii() and self.version.isdecimal() and int(self.version) > 0):
            raise ValueError(f"secret {self.secret}: version={self.version!r} must be a number from 1")

    def __str__(self) -> str:
        return f"{self.secret}:{self.version}"
