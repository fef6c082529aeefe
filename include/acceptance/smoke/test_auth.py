"""Whether a new auth service lets users in."""

from __future__ import annotations

from collections.abc import Callable

from include.acceptance.platform import Caller
from include.acceptance.smoke.asking import assert_healthy_and_new, at_least_once


def test_every_instance_asked_is_healthy_and_of_the_new_revision() -> None:
    assert_healthy_and_new("auth")


def test_a_user_signs_in(sign_in: Callable[[], Caller]) -> None:
    @at_least_once
    def ask() -> None:
        assert sign_in().token

    ask()
