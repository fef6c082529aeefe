"""Who the simulated users are: always the same ones, also in the product's table ``users``."""

from __future__ import annotations

import uuid

USERS = 400


def user_id(number: int) -> uuid.UUID:
    """Return the id of user ``number``.

    :param number: number of the user.
    :raises ValueError: when the number is not in 0..399.
    """
    if not 0 <= number < USERS:
        raise ValueError(f"user {number}: there are users 0 to {USERS - 1}")
    return uuid.uuid5(uuid.NAMESPACE_URL, f"https://netra.example/users/{number}")


def user_ids() -> list[uuid.UUID]:
    """Return the ids of all users, in the order of their numbers."""
    return [user_id(number) for number in range(USERS)]
