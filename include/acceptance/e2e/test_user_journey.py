"""A user's whole way: sign in, watch optimizations as they happen, see the savings."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from decimal import Decimal

import httpx
import pytest
import websocket

from include.acceptance.platform import Caller, Event, base_url
from include.load_test.prompts import Prompt, corpus

KINDS = ["optimization.started", "cost.updated", "optimization.completed"]
LATENCY_BOUND_SECONDS = 0.1
PROMPTS = 30
WATCH_SECONDS = 3.0

Watched = list[list[Event]]


@pytest.fixture(scope="module")
def watcher(sign_in: Callable[[], Caller]) -> Caller:
    """The user of the journey."""
    return sign_in()


@pytest.fixture(scope="module")
def watched(watcher: Caller) -> Watched:
    """The events of each of some prompts; ends early when they are lost or late, which costs a wait each."""
    requests: Watched = []
    deadline = time.monotonic() + WATCH_SECONDS
    with watcher.events() as socket:
        for prompt in corpus(PROMPTS, seed=11):
            requests.append(socket.optimize(prompt))
            if len(requests[-1]) != len(KINDS) or time.monotonic() > deadline:
                break
    return requests


def test_every_event_arrives_in_order(watched: Watched) -> None:
    assert [[event.content["type"] for event in events] for events in watched] == [KINDS] * len(watched)


def test_events_arrive_within_100_ms(watched: Watched) -> None:
    latencies = sorted(event.latency for events in watched for event in events)
    assert latencies[round(0.95 * (len(latencies) - 1))] < LATENCY_BOUND_SECONDS


def test_events_are_the_users_own(watched: Watched, watcher: Caller) -> None:
    owners = {
        (event.content["user_id"], event.content["session_key"]) for events in watched for event in events
    }
    assert owners == {(watcher.user_id, watcher.session_key)}


def test_cost_updates_add_up_to_the_costs(watched: Watched, watcher: Caller) -> None:
    updates = [event.content for events in watched for event in events if event.content["type"] == KINDS[1]]
    assert len(updates) == len(watched)
    total = sum(Decimal(update["cost_usd"]) for update in updates)
    assert Decimal(updates[-1]["budget"]["spent_usd"]) == total
    assert Decimal(watcher.costs_after(len(watched))["cost_usd"]) == total


def test_completed_events_carry_the_savings(watched: Watched) -> None:
    completed = [events[-1].content for events in watched]
    original = sum(Decimal(content["cost_original_usd"]) for content in completed)
    saved = sum(Decimal(content["saved_usd"]) for content in completed)
    assert Decimal("0.15") <= saved / original <= Decimal("0.25")


def test_two_users_watching_at_once_see_their_own(sign_in: Callable[[], Caller]) -> None:
    first, second = sign_in(), sign_in()
    with first.events() as one, second.events() as other:
        for prompt in corpus(5, seed=5):
            for socket in (one, other):
                events = socket.optimize(prompt)
                assert {event.content["user_id"] for event in events} == {socket.caller.user_id}


def test_websocket_wants_a_good_token() -> None:
    url = f"{base_url('backend').replace('http', 'ws', 1)}/v1/events?token=forged"
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        websocket.create_connection(url, timeout=5)
    assert refused.value.status_code == 401


def test_a_bad_message_is_answered_and_the_socket_stays(caller: Caller) -> None:
    with caller.events() as socket:
        events = socket.optimize(Prompt("agent", "gpt-0", "What is this?"))
        assert [(event.content["type"], event.content["status"]) for event in events] == [("error", 422)]
        assert len(socket.optimize(corpus(1)[0])) == len(KINDS)


def test_the_dashboard_shows_the_savings(watched: Watched, watcher: Caller, frontend: httpx.Client) -> None:
    watcher.costs_after(len(watched))
    page = frontend.get("/dashboard", headers=watcher.headers)
    assert page.status_code == 200
    saved = re.search(r'<td id="saved">\$([0-9.]+)</td>', page.text)
    assert saved is not None
    assert Decimal(saved.group(1)) == sum(Decimal(events[-1].content["saved_usd"]) for events in watched)


def test_the_home_page_is_served(frontend: httpx.Client) -> None:
    page = frontend.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "Show costs" in page.text
