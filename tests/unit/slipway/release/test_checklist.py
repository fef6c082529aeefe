"""Each item finds its evidence and leaves the verdict to the analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from slipway.analysis.load_report import MemoryReport, WebSocketReport
from slipway.ledger.chain import Kind
from slipway.ledger.entries import (
    ConfigurationWritten,
    LedgerEntry,
    LoadTested,
    RollbackRehearsed,
    SuiteRun,
)
from slipway.policy.checklist import ITEMS
from slipway.policy.release import load_policy
from slipway.release.checklist import JUDGES, Sources
from slipway.release.configuration import Running

from tests.fake_ledger import FakeLedger

POLICY = load_policy("release.yaml")


class Rehearsed(FakeLedger):
    """A ledger whose newest rehearsal is two days old."""

    def newest(self, kind: type[Kind], *, policy_name: str, **fields: Any) -> tuple[Kind, datetime] | None:
        found = super().newest(kind, policy_name=policy_name, **fields)
        return None if found is None else (found[0], datetime.now(UTC) - timedelta(days=2))


class Documents:
    """Production's configuration: every document as the policy has it, in version 2; version 1 serves."""

    def __init__(self, state: str = "ENABLED") -> None:
        self.state = state

    def running(self) -> Mapping[str, Running]:
        return {name: Running("1", self.state, "1", {}, True) for name in POLICY.configuration}

    def read(self, document: str, version: int) -> Mapping[str, Any]:
        assert version == 2
        return POLICY.configuration[document].content()


def sources(
    *entries: LedgerEntry,
    state: str = "ENABLED",
    notify: Callable[[str, str], str | None] = lambda _subject, _message: None,
) -> Sources:
    service = SimpleNamespace(names={"staging": "web-staging"}, revisions={"staging": "web-2"})
    release: Any = SimpleNamespace(
        release_id="r",
        version="1.2.0",
        actor="ada",
        policy=POLICY,
        plan=SimpleNamespace(services={"web": service}, progressive=service),
    )
    documents: Any = Documents(state)
    return Sources(release, Rehearsed(*entries), None, documents, notify)  # type: ignore[arg-type]


def test_every_item_of_the_policy_has_a_judge() -> None:
    assert list(JUDGES) == list(ITEMS)


def test_suites_are_those_that_ran_in_staging() -> None:
    ran = [SuiteRun(suite=name, tests=4, passed=4) for name in POLICY.validation.suites]
    assert JUDGES["validation_tests"](sources(*ran)).passed
    first, *rest = ran
    assert JUDGES["validation_tests"](sources(*rest)).reason == f"did not run: {first.suite}"


def test_the_saving_is_the_load_tests() -> None:
    saved = POLICY.load_test.cost_reduction_percent.minimum
    tested = LoadTested(
        requests=10,
        failures=0,
        cost_reduction_percent=saved,
        websocket=WebSocketReport(connects=1, connect_failures=0, events=1, lost=0, latency_p95_ms=1),
        memory=MemoryReport(),
    )
    assert JUDGES["business_value"](sources(tested)).passed
    assert "no cost reduction was measured" in JUDGES["business_value"](sources()).reason


def test_configuration_is_read_back_and_what_serves_must_stay_enabled() -> None:
    written = ConfigurationWritten(environment="production", versions=dict.fromkeys(POLICY.configuration, 2))
    assert JUDGES["production_configuration"](sources(written)).passed
    disabled = JUDGES["production_configuration"](sources(written, state="DISABLED"))
    assert "version 1, which serves now, is not enabled" in disabled.reason
    assert "was not written" in JUDGES["production_configuration"](sources()).reason


def test_the_dashboards_of_the_repository_are_there() -> None:
    assert JUDGES["dashboards"](sources()).passed


def test_a_rollback_counts_by_its_newest_rehearsal() -> None:
    def rehearsed(passed: bool) -> RollbackRehearsed:
        return RollbackRehearsed(
            passed=passed, service="web-staging", seconds=4.0, limit_seconds=300, before={}, reason="x"
        )

    found = JUDGES["rollback_tested"](sources(rehearsed(True)))
    assert found.passed
    assert "rehearsed 2.0 days ago in 4.0 s" in found.reason
    assert not JUDGES["rollback_tested"](sources(rehearsed(False))).passed
    assert not JUDGES["rollback_tested"](sources()).passed


def test_the_team_is_asked_to_stand_by() -> None:
    sent: list[tuple[str, str]] = []
    found = JUDGES["team_notified"](sources(notify=lambda *words: sent.append(words)))
    assert found.passed
    assert found.reason.startswith("notified via slipway_team at ")
    ((subject, message),) = sent
    assert subject == "Release 1.2.0 is about to go to production"
    assert message.endswith("(web) is about to go to production, asked for by ada. Please stand by.")


def test_a_team_that_cannot_be_notified_is_on_record_with_the_reason() -> None:
    found = JUDGES["team_notified"](sources(notify=lambda *_: "connection slipway_team: nobody answers"))
    assert (found.passed, found.reason) == (False, "connection slipway_team: nobody answers")
