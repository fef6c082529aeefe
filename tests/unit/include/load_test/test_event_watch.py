"""What becomes of each event is seen."""

from __future__ import annotations

from typing import Any

import pytest

from include.load_test.event_watch import EVENTS, EventWatch, UnexpectedEventError

STARTED, UPDATED, COMPLETED = EVENTS


def event(kind: str, request: str = "r1", **changes: Any) -> dict[str, Any]:
    """An event of the session under test."""
    return {"type": kind, "request_id": request, "user_id": "u", "session_key": "s", **changes}


@pytest.fixture
def watch() -> EventWatch:
    """A session that has asked for something."""
    made = EventWatch("u", "s")
    made.ask()
    return made


def test_events_in_order_are_right(watch: EventWatch) -> None:
    assert [watch.take(event(kind)) for kind in EVENTS] == [None] * 3
    assert watch.missing == ()


def test_an_event_that_did_not_come_stays_missing(watch: EventWatch) -> None:
    assert [watch.take(event(kind)) for kind in (STARTED, COMPLETED)] == [None, None]
    assert watch.missing == (UPDATED,)


def test_an_event_after_a_later_one_is_out_of_order(watch: EventWatch) -> None:
    assert [watch.take(event(kind)) for kind in (STARTED, COMPLETED, UPDATED)] == [None, None, "out_of_order"]


def test_an_event_that_comes_again_is_doubled_also_later(watch: EventWatch) -> None:
    assert [watch.take(event(kind)) for kind in (STARTED, STARTED)] == [None, "doubled"]
    for kind in (UPDATED, COMPLETED):
        watch.take(event(kind))
    assert watch.take(event(COMPLETED)) == "doubled"
    watch.ask()
    assert watch.take(event(COMPLETED)) == "doubled"
    assert watch.missing == EVENTS


@pytest.mark.parametrize("other", [{"user_id": "v"}, {"session_key": "t"}, {"user_id": None}])
def test_an_event_of_another_session_is_foreign(watch: EventWatch, other: dict[str, Any]) -> None:
    assert watch.take(event(STARTED, **other)) == "foreign"


@pytest.mark.parametrize(
    "unexpected",
    [{"type": STARTED}, event("error", status=500, error="no"), event(STARTED, "r2")],
)
def test_what_nobody_asked_for_is_an_error(watch: EventWatch, unexpected: dict[str, Any]) -> None:
    watch.take(event(STARTED))
    with pytest.raises(UnexpectedEventError):
        watch.take(unexpected)


def test_what_comes_after_giving_up_is_not_an_event_of_the_next_prompt(watch: EventWatch) -> None:
    watch.take(event(STARTED))
    watch.give_up()
    watch.ask()
    assert watch.take(event(UPDATED)) == "doubled"
    assert watch.take(event(STARTED, "r2")) is None
