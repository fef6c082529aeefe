"""Tokens: ours are good until they end, nobody else's are."""

from __future__ import annotations

import time
from uuid import uuid4

import jwt
import pytest

from sandbox.platform.identity import LIFETIME_SECONDS, TokenError, Verifier, issue

KEY = "k" * 40
USER = uuid4()


def _signed(**changes: object) -> str:
    claims = {"sub": str(USER), "exp": int(time.time()) + 60, **changes}
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None}, KEY, algorithm="HS256"
    )


def test_an_issued_token_names_its_user() -> None:
    identity = Verifier(KEY).verify_header(f"Bearer {issue(USER, KEY)}")
    assert identity.user_id == USER
    assert 0 < identity.expires_at - time.time() <= LIFETIME_SECONDS


@pytest.mark.parametrize(
    "token",
    [
        "",
        "no.token.atall",
        issue(USER, "x" * 40),
        jwt.encode({"sub": str(USER), "exp": 2**33}, "", algorithm="none"),
        _signed(exp=int(time.time()) - 5),
        _signed(exp=None),
        _signed(sub="nobody"),
    ],
)
def test_other_tokens_are_refused(token: str) -> None:
    with pytest.raises(TokenError):
        Verifier(KEY).verify(token)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc"])
def test_a_header_without_a_bearer_token_is_refused(header: str | None) -> None:
    with pytest.raises(TokenError, match="Bearer"):
        Verifier(KEY).verify_header(header)


def test_a_remembered_token_ends_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = Verifier(KEY)
    token = _signed()
    verifier.verify(token)
    now = time.time()
    monkeypatch.setattr("sandbox.platform.identity.time.time", lambda: now + 61)
    # The token's own end is checked against the real clock, so only the memory can still let it through.
    monkeypatch.setattr("sandbox.platform.identity.jwt.decode", _refuse)
    with pytest.raises(TokenError):
        verifier.verify(token)


def _refuse(*_: object, **__: object) -> None:
    raise jwt.ExpiredSignatureError
