"""The Release page in a browser: five situations, the list, live, by keyboard, and to a screen reader."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from slipway.analysis.verdict import Verdict
from slipway.ledger.entries import GateDecided
from slipway.ledger.ledger import Ledger
from slipway.ui.api.live import LiveSplit, LiveSplits

from tests.browser import assert_accessible, assert_no_sideways_scrolling, words
from tests.integration.slipway.releases import open_release, roll_back_from_canary, shift
from tests.integration.slipway.ui import situations
from tests.integration.slipway.ui.pages import HOSTILE
from tests.integration.slipway.ui.reviews import reviewed

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from tests.integration.slipway.ui.conftest import OpenPage

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(300)]

#: Where to keep a picture of every situation; none is kept where it is not set.
PICTURES = os.environ.get("SLIPWAY_PICTURES")
QUESTIONS = ("How does it stand?", "Where is the traffic?", "Why?", "What can I do now?")


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("canary_running", "Running", ("10 % 1.2.0 (new)", "Left in this phase", "Roll back")),
        (
            "waiting_for_approval",
            "Waiting for a person",
            ("May 1.2.0 go to production?", "Approve", "Reject"),
        ),
        (
            "on_hold",
            "On hold",
            ("needs a decision, because the stable revision itself", "Bake on", "Roll back"),
        ),
        ("rolled_back", "Rolled back", ("Error rate over the trigger", "Release another version")),
        (
            "promoted",
            "Promoted",
            ("missed", "Free users who became paying", "100 % 1.2.0 (new)", "Roll back"),
        ),
    ],
)
def test_a_situation_is_plain_at_once(
    name: str,
    state: str,
    said: tuple[str, ...],
    open_page: OpenPage,
    ledger: Ledger,
    airflow_question: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make: Callable[[Ledger], situations.Story] = situations.SITUATIONS[name]
    story = make(ledger)
    live = story.live
    monkeypatch.setattr(
        LiveSplits, "of", lambda _, address: LiveSplit(live[address.service], datetime.now(UTC))
    )
    if name in situations.QUESTIONS:
        task, asked = situations.QUESTIONS[name]
        airflow_question(story.release.run_id, task, **asked)
    if name == "promoted":
        _review(story)
    address = f"releases/{story.release.release_id}"
    page = open_page(address)
    page.wait_for_timeout(300)
    _picture(page, name)
    assert page.locator("h1 .badge").inner_text() == state
    shown = words(page)
    for line in (*QUESTIONS, *said):
        assert line in shown, line
    places = [page.get_by_role("heading", name=question).bounding_box() for question in QUESTIONS]
    for question, place in zip(QUESTIONS, places, strict=True):
        assert place is not None, question
        assert place["y"] < 600, f"{question} is below the first screen"
    assert_no_sideways_scrolling(page)
    assert_accessible(page)
    dark = open_page(address, width=390, height=844, theme="dark")
    assert "dark" in (dark.locator("html").get_attribute("class") or "")
    assert_no_sideways_scrolling(dark)
    assert_accessible(dark)
    if name == "rolled_back":
        for summary in dark.locator(".fold > summary").all():
            summary.click()
        dark.get_by_text("The chain holds").wait_for()
        dark.locator("evidence-chart canvas").first.wait_for()
        assert_no_sideways_scrolling(dark)
        assert_accessible(dark)
        folded = words(dark)
        for line in ("12 users", "feature-flags", "0014_savings_by_day", "Release 1.2.0 was rolled back"):
            assert line in folded, line


def _review(story: situations.Story) -> None:
    reviewed(
        datetime.now(UTC).date(),
        story.release.release_id,
        version="1.2.0",
        promoted_on=story.began.date(),
        target="conversions",
        title="Free users who became paying",
        horizon="week_1",
        status="missed",
        unit="users",
        value=Decimal(1),
        at_least=Decimal(2),
        reason="1 of 2 users by the due date",
    )
    reviewed(
        datetime.now(UTC).date(), story.release.release_id, version="1.2.0", promoted_on=story.began.date()
    )


def _picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def test_who_may_only_read_is_offered_nothing_to_change(open_page: OpenPage, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    page = open_page(f"releases/{release.release_id}", role="viewer")
    assert [link.inner_text() for link in page.locator(".actions .button").all()] == ["Open the run"]


def test_an_action_sends_airflow_its_form_filled_in(open_page: OpenPage, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    page = open_page(f"releases/{release.release_id}")
    sent: list[Any] = []

    def airflow(route: Route) -> None:
        sent.append((route.request.method, route.request.post_data_json))
        refused = len(sent) == 1
        route.fulfill(status=403 if refused else 200, json={"detail": "not you"} if refused else {})

    page.route("**/api/v2/dags/rollback/dagRuns", airflow)
    page.get_by_text("Roll back", exact=True).click()
    page.get_by_label("Reason").fill("the sale is over")
    page.get_by_role("button", name="Roll back now").click()
    page.get_by_text("Airflow did not take it: not you").wait_for()
    page.get_by_role("button", name="Roll back now").click()
    page.get_by_text("Airflow has taken it.").wait_for()
    form = {"release": release.release_id, "tier": "traffic", "reason": "the sale is over"}
    assert sent == [("POST", {"logical_date": None, "conf": form})] * 2


def test_the_page_follows_a_release_and_stops_when_it_has_ended(open_page: OpenPage, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    page = open_page(f"releases/{release.release_id}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.locator("h1 .badge").inner_text() == "Running"
    shift(ledger, release, "canary", 10)
    page.get_by_text("10 % 1.2.0 (new)").wait_for()
    ledger.close(release.release_id, outcome="rolled_back", reason="canary: the spring sale is over")
    page.get_by_role("status").get_by_text("Rolled back", exact=True).wait_for()
    page.wait_for_timeout(500)
    asked.clear()
    page.wait_for_timeout(3000)
    assert asked == []


def test_an_api_that_does_not_answer_is_said_and_asked_again(open_page: OpenPage, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    page = open_page(f"releases/{release.release_id}")
    page.route("**/api/**", lambda route: route.fulfill(status=503, json={"title": "x", "detail": "y"}))
    page.get_by_text("Airflow does not answer; this is as of").wait_for()
    assert "Release 1.2.0" in words(page)
    page.unroute("**/api/**")
    page.get_by_text("Airflow does not answer").wait_for(state="detached")


def test_the_list_is_filtered_and_leads_to_a_release(open_page: OpenPage, ledger: Ledger) -> None:
    bad = open_release(ledger, "1.1.0")
    roll_back_from_canary(ledger, bad)
    running = open_release(ledger, "1.2.0")
    page = open_page("releases")
    _picture(page, "releases")
    assert [link.inner_text() for link in page.locator("tbody th a").all()] == ["1.2.0", "1.1.0"]
    assert "Error rate over the trigger" in words(page)
    page.get_by_label("State").select_option("rolled_back")
    page.get_by_text("1 release or refused request").wait_for()
    assert [link.inner_text() for link in page.locator("tbody th a").all()] == ["1.1.0"]
    assert_accessible(page)
    narrow = open_page("releases", width=390, height=844, theme="dark")
    assert_no_sideways_scrolling(narrow)
    assert_accessible(narrow)
    narrow.get_by_role("link", name="1.2.0").click()
    narrow.get_by_role("heading", name="Release 1.2.0").wait_for()
    assert running.release_id in narrow.url


def test_the_list_of_two_products_is_filtered_by_one(
    open_page: OpenPage, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_REGISTRY_PORT", "5000")
    open_release(ledger, "1.1.0")
    assert open_page("releases").get_by_label("Product").count() == 0, "one product is no choice"
    rates = {"exchange-rates": {"exchange-rates-00001-abc": 100}}
    open_release(ledger, "2.0.0", policy_name="sandbox-rates.yaml", stable=rates)
    page = open_page("releases")
    page.get_by_label("Product").select_option("exchange-rates")
    page.get_by_text("1 release or refused request").wait_for()
    assert [link.inner_text() for link in page.locator("tbody th a").all()] == ["2.0.0"]
    assert page.get_by_label("Product").input_value() == "exchange-rates"
    assert_accessible(page)


def test_the_keyboard_reaches_every_fold_and_the_state_is_announced(
    open_page: OpenPage, ledger: Ledger
) -> None:
    release = open_release(ledger, "1.2.0")
    page = open_page(f"releases/{release.release_id}")
    assert page.locator("[aria-live=polite] h1").count() == 1
    ledger_fold = page.locator("#ledger")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.parentElement?.id") == "ledger":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    ledger_fold.get_by_text("The chain holds").wait_for()


def test_what_a_release_is_called_is_never_markup(
    open_page: OpenPage, ledger: Ledger, ledger_database: str
) -> None:
    release = open_release(ledger, "1.1.0")
    ledger.append(release.release_id, GateDecided(phase="canary", verdict=Verdict.HOLD, reason=HOSTILE))
    with psycopg.connect(ledger_database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE opened_release SET version = %s, actor = %s, run_id = %s", [HOSTILE] * 3)
    for path in ("releases", f"releases/{release.release_id}"):
        page = open_page(path)
        assert HOSTILE in words(page)
        assert page.locator("main script").count() == 0


def test_a_forged_entry_is_named(open_page: OpenPage, ledger: Ledger, ledger_database: str) -> None:
    release = open_release(ledger, "1.1.0")
    shift(ledger, release, "canary", 10)
    with psycopg.connect(ledger_database) as connection:
        connection.execute("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_is_append_only")
        connection.execute("UPDATE ledger_entry SET at = at + interval '1 s' WHERE sequence = 2")
    page = open_page(f"releases/{release.release_id}")
    page.locator("#ledger > summary").click()
    page.get_by_text("entry 2 (shifted/canary) was changed").wait_for()


def test_a_run_without_a_release_says_so_and_a_release_that_opens_is_shown(
    open_page: OpenPage, ledger: Ledger
) -> None:
    assert "kpi_rollup releases nothing" in words(open_page("dags/kpi_rollup/runs/manual__1"))
    page = open_page("dags/release/runs/manual__1.2.0")
    assert page.locator("h1").inner_text() == "No release"
    open_release(ledger, "1.2.0")
    page.get_by_role("heading", name="Release 1.2.0").wait_for()
