"""Whether a new frontend shows its page."""

from __future__ import annotations

import httpx

from include.acceptance.platform import Caller
from include.acceptance.smoke.asking import assert_healthy_and_new, at_least_once


def test_every_instance_asked_is_healthy_and_of_the_new_revision() -> None:
    assert_healthy_and_new("frontend")


def test_the_dashboard_is_shown(frontend: httpx.Client, caller: Caller) -> None:
    @at_least_once
    def ask() -> None:
        assert frontend.get("/dashboard", headers=caller.headers).status_code == 200

    ask()
