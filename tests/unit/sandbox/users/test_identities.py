"""The simulated users are the same ones in every run."""

from __future__ import annotations

import uuid

import pytest

from sandbox.users.identities import USERS, user_id, user_ids


def test_ids_are_fixed_and_distinct() -> None:
    assert user_id(0) == uuid.uuid5(uuid.NAMESPACE_URL, "https://netra.example/users/0")
    assert len(set(user_ids())) == USERS == 400


@pytest.mark.parametrize("number", [-1, 400])
def test_there_is_no_other_user(number: int) -> None:
    with pytest.raises(ValueError, match="0 to 399"):
        user_id(number)
