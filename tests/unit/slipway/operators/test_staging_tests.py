"""What tests staging, and what goes on record of it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.hooks.command.suites import SuiteResult
from slipway.ledger.entries import LoadTested, StagingServed, SuiteRun
from slipway.operators import staging_tests
from slipway.operators.staging_tests import LoadTestOperator, TestSuiteOperator

from tests.fake_ledger import FakeLedger
from tests.load_report import GENERATOR, REPORT
from tests.unit.slipway.on_record import context_of, opened, using

SOUND = REPORT
BUSY = REPORT | {"generator": GENERATOR | {"cpu_percent": 99.0}}


@pytest.fixture
def ledger() -> FakeLedger:
    """A release whose staging serves."""
    made = FakeLedger()
    urls = {service: f"http://{service}" for service in ("backend", "auth", "frontend")}
    made.append(opened(made).release_id, StagingServed(urls=urls))
    return made


def load(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch, *reports: dict[str, Any]
) -> list[dict[str, str]]:
    """Run the load test, whose generator leaves these reports; return its environments."""
    left: Iterator[dict[str, Any]] = iter(reports)
    environments: list[dict[str, str]] = []

    def run(_: Any, *, environment: dict[str, str], users: int, duration_seconds: float) -> dict[str, Any]:
        assert (users, duration_seconds) == (150, 3600)
        environments.append(environment)
        return next(left)

    monkeypatch.setattr(staging_tests, "LoadGeneratorHook", lambda: SimpleNamespace(run=run))
    using(LoadTestOperator(task_id="load_test"), ledger).execute(context_of())
    return environments


def on_record(ledger: FakeLedger) -> LoadTested:
    """What is on record of the load test."""
    (release,) = ledger.opened
    entry = ledger.get(release, LoadTested)
    assert entry is not None
    return entry


def test_a_sound_load_test_is_run_once_with_the_policys_rate(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    (environment,) = load(ledger, monkeypatch, SOUND)
    assert (environment["LOAD_TEST_RATE"], environment["LOAD_TEST_COSTS_WITHIN_SECONDS"]) == ("100", "5")
    assert on_record(ledger).requests == SOUND["requests"]


def test_an_inconclusive_load_test_is_run_again_and_the_last_one_counts(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(load(ledger, monkeypatch, BUSY, SOUND)) == 2
    generator = on_record(ledger).generator
    assert generator is not None
    assert generator.cpu_percent == GENERATOR["cpu_percent"]


def test_one_that_stays_inconclusive_is_on_record_as_it_was(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(load(ledger, monkeypatch, BUSY, BUSY)) == 2
    generator = on_record(ledger).generator
    assert generator is not None
    assert generator.cpu_percent == 99.0


def suite(ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch, run: str, result: SuiteResult) -> SuiteRun:
    """Run the end-to-end tests of a run; return what goes on record."""
    runner = SimpleNamespace(run=lambda *_, **__: result)
    monkeypatch.setattr(staging_tests, "TestRunnerHook", lambda: runner)
    using(TestSuiteOperator(task_id="run_e2e_tests", suite="e2e"), ledger).execute(context_of(run))
    release = next(release for release in ledger.opened.values() if release.run_id == run)
    entry = ledger.get(release.release_id, SuiteRun, suite="e2e")
    assert entry is not None
    return entry


def test_a_test_that_did_not_fail_in_the_last_promoted_release_fails_newly(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = ledger.opened
    before = suite(ledger, monkeypatch, "run", SuiteResult(3, 2, ["a"]))
    assert (before.compared_with, before.newly_failing) == (None, ())
    ledger.close(first, outcome="promoted", reason="every phase was promoted")
    urls = {service: f"http://{service}" for service in ("backend", "auth", "frontend")}
    ledger.append(opened(ledger, "later").release_id, StagingServed(urls=urls))
    after = suite(ledger, monkeypatch, "later", SuiteResult(3, 0, ["a", "b"], skipped=["c"], flaky=["b"]))
    assert (after.compared_with, after.newly_failing) == (first, ("b",))
    assert after.sentence == (
        f"Test suite e2e: 0 of 3 tests passed; failed: a, b; skipped: c; flaky: b; not failing in {first}: b"
    )
