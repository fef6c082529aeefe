"""Every item of the pre-deployment checklist fails for its own reason, and one that fails is no go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from slipway.analysis import pre_deployment as checklist
from slipway.analysis.load_report import LoadReport, MemoryReport, WebSocketReport
from slipway.analysis.pre_deployment import Item, Prepared, go_or_no_go
from slipway.analysis.verdict import Verdict
from slipway.ledger.entries import SuiteRun
from slipway.policy.checklist import ITEMS, BusinessValue, ItemName
from slipway.policy.release import Policy, load_policy
from slipway.policy.section import stated

FINE: dict[ItemName, Item | None] = {item: Item(True, "fine", {}) for item in ITEMS}
PASSED = SuiteRun(suite="any", tests=20, passed=20)


@dataclass(frozen=True)
class Rehearsed:
    """A rehearsed rollback."""

    seconds: float
    service: str = "web"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("release.yaml")


def test_all_suites_must_have_passed(policy: Policy) -> None:
    validation = policy.validation
    suites: dict[str, Any] = dict.fromkeys(validation.suites, PASSED)
    assert checklist.validation_tests(suites, validation).passed
    found = checklist.validation_tests(suites | {"e2e": None}, validation)
    assert (found.passed, found.reason) == (False, "did not run: e2e")
    found = checklist.validation_tests(
        suites | {"e2e": SuiteRun(suite="any", tests=20, passed=18)}, validation
    )
    assert not found.passed
    assert found.reason == "58 of 60 tests passed (at least 95 % of each suite required); e2e 90 %"


def test_the_strategys_projection_adds_up(policy: Policy) -> None:
    value = stated(policy.checklist.business_value, "business_value")
    assert (value.customers, value.saving_per_customer_usd, value.projection_usd) == (100, 4200, 420_000)
    found = business(policy, value)
    assert found.passed
    assert found.reason == (
        "100 customers x 4,200 USD = 420,000 USD a year, a return of 425 %; staging saved 20.0 %"
    )


@pytest.mark.parametrize(
    ("changed", "saved", "reason"),
    [
        ({"customers": 90}, 20.0, "projection_usd=420000 is not 378000"),
        ({"return_percent": 500}, 20.0, "return_percent=500 is not 425"),
        ({}, None, "no cost reduction was measured in staging"),
        ({}, 12.0, "staging saved 12.0 %, not 15 to 25 %"),
    ],
)
def test_a_business_value_that_does_not_hold(
    policy: Policy, changed: dict[str, Any], saved: float | None, reason: str
) -> None:
    value = stated(policy.checklist.business_value, "business_value").model_copy(update=changed)
    found = business(policy, value, saved)
    assert (found.passed, found.reason) == (False, reason)


def business(policy: Policy, value: BusinessValue, saved: float | None = 20.0) -> Item:
    report = LoadReport(
        requests=10,
        failures=0,
        cost_reduction_percent=saved,
        websocket=WebSocketReport(connects=1, connect_failures=0, events=1, lost=0, latency_p95_ms=1),
        memory=MemoryReport(),
    )
    return checklist.business_value(value, report, policy.load_test)


@pytest.mark.parametrize(
    ("gate", "serving", "passed", "reason"),
    [
        (Verdict.PROMOTE, {"web": {"web-new": 100}}, True, "validated, and web serve"),
        (None, {"web": {"web-new": 100}}, False, "phase 1 ended with: nothing on record"),
        (Verdict.ROLLBACK, {"web": {"web-new": 100}}, False, "phase 1 ended with: rollback"),
        (Verdict.PROMOTE, {"web": {"web-old": 100}}, False, "does not serve what was validated: web"),
        (Verdict.PROMOTE, {}, False, "does not serve what was validated: web"),
    ],
)
def test_staging_must_be_validated_and_still_serve_it(
    gate: Verdict | None, serving: dict[str, dict[str, int]], passed: bool, reason: str
) -> None:
    found = checklist.staging_environment(gate, serving, {"web": "web-new"})
    assert found.passed is passed
    assert found.reason.startswith(reason)


@pytest.mark.parametrize(
    ("prepared", "passed", "reason"),
    [
        (
            Prepared(3, True, "2", True),
            True,
            "versions flags 3, read back; the versions that serve are enabled",
        ),
        (
            Prepared(1, True, None, True),
            True,
            "versions flags 1, read back; the versions that serve are enabled",
        ),
        (None, False, "flags was not written"),
        (Prepared(3, False, "2", True), False, "flags version 3 is not what the policy says"),
        (Prepared(3, True, "2", False), False, "flags version 2, which serves now, is not enabled"),
    ],
)
def test_configuration_must_be_in_place_with_its_way_back(
    prepared: Prepared | None, passed: bool, reason: str
) -> None:
    found = checklist.production_configuration({"flags": prepared})
    assert (found.passed, found.reason) == (passed, reason)


@pytest.mark.parametrize(
    ("panels", "broken", "passed", "reason"),
    [
        ({"Costs": 3}, [], True, "Costs (3 panels)"),
        ({}, [], False, "Costs: not there"),
        ({"Costs": 0}, [], False, "Costs: no panel has a query"),
        ({"Costs": 3}, ["x.json"], False, "x.json: is no dashboard"),
    ],
)
def test_dashboards_must_be_there_and_show_something(
    panels: dict[str, int], broken: list[str], passed: bool, reason: str
) -> None:
    found = checklist.dashboards(panels, broken, ["Costs"])
    assert (found.passed, found.reason) == (passed, reason)


@pytest.mark.parametrize(
    ("drill", "age", "passed", "reason"),
    [
        (Rehearsed(1.5), 2, True, "rehearsed 2.0 days ago in 1.5 s (at most 300 s and 30 days)"),
        (None, 0, False, "no successful rehearsal is on record"),
        (Rehearsed(1.5), 31, False, "rehearsed 31.0 days ago in 1.5 s, at most 30 days are allowed"),
        (Rehearsed(301), 2, False, "rehearsed 2.0 days ago in 301.0 s, at most 300 s are allowed"),
    ],
)
def test_a_rollback_must_have_been_rehearsed(
    drill: Rehearsed | None, age: float, passed: bool, reason: str
) -> None:
    found = checklist.rollback_tested(drill, age_days=age, maximum_age_days=30, limit_seconds=300)
    assert (found.passed, found.reason) == (passed, reason)


def test_a_whole_list_is_go(policy: Policy) -> None:
    decision = go_or_no_go(policy.checklist, FINE, ITEMS)
    assert decision.verdict is Verdict.PROMOTE
    assert [finding.reason[0] for finding in decision.findings] == ["✓"] * 7


@pytest.mark.parametrize("item", ITEMS)
@pytest.mark.parametrize("entry", [None, Item(False, "broken", {})])
def test_one_item_that_is_missing_or_fails_is_no_go(
    policy: Policy, item: ItemName, entry: Item | None
) -> None:
    required = policy.checklist.model_copy(update={"optional": ()})
    entries = FINE | {item: entry}
    decision = go_or_no_go(required, entries, ITEMS)
    assert decision.verdict is Verdict.ROLLBACK
    assert decision.reason.startswith("✗")
    assert decision.reason.endswith("broken" if entry else "nothing on record")
    optional = policy.checklist.model_copy(update={"optional": (item,)})
    told = go_or_no_go(optional, entries, ITEMS)
    assert told.verdict is Verdict.PROMOTE
    assert [finding.reason for finding in told.findings if finding.reason.startswith("✗")] == [
        f"{decision.reason} (optional)"
    ]
