"""Costs that do not follow the answers are seen."""

from __future__ import annotations

from typing import Any

from include.load_test.cost_tracking import TrackedCosts


def costs(requests: int, original: str = "0", used: str = "0") -> dict[str, Any]:
    """The answer of ``/v1/costs``."""
    return {"month": "2026-05", "requests": requests, "cost_original_usd": original, "cost_usd": used}


def tracked(*moments: float) -> TrackedCosts:
    """A user with answers of 2 dollars, of which 1 was saved, at some moments."""
    made = TrackedCosts(within_seconds=5)
    for at in moments:
        made.answered({"cost_original_usd": "2", "cost_usd": "1"}, at)
    return made


def test_costs_that_show_every_answer_are_right() -> None:
    assert tracked(0, 1).mistake(costs(2, "4", "2"), asked_at=1.5) is None


def test_an_answer_may_be_missing_for_as_long_as_it_may_take() -> None:
    user = tracked(0, 10)
    assert user.mistake(costs(1, "2", "1"), asked_at=14) is None
    assert user.mistake(costs(1, "2", "1"), asked_at=15) == "the costs show 1 of 2 requests after 5 s"


def test_wrong_sums_and_requests_of_somebody_else_are_mistakes() -> None:
    assert "add up to 4" in str(tracked(0, 0).mistake(costs(2, "5", "2"), asked_at=9))
    assert tracked(0).mistake(costs(2), asked_at=9) == "the costs show 2 requests of 1"


def test_a_request_without_an_answer_may_be_accounted_for_or_not() -> None:
    user = tracked(0)
    user.unanswered()
    assert user.mistake(costs(2, "4", "2"), asked_at=9) is None
    assert user.mistake(costs(1, "2", "1"), asked_at=9) is None
    assert user.mistake(costs(3), asked_at=9) is not None


def test_a_new_month_begins_anew() -> None:
    user = tracked(0)
    assert user.mistake(costs(1, "2", "1"), asked_at=9) is None
    assert user.mistake(costs(0) | {"month": "2026-06"}, asked_at=9) is None
