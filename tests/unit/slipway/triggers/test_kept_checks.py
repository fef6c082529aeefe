"""The newest check of a bake is kept beside it, and never in its way."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.analysis import evidence_series
from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.statistics.wilson import wilson_interval
from slipway.analysis.verdict import Cause, Decision, Verdict
from slipway.ledger.bakes import Bake
from slipway.policy.release import load_policy
from slipway.triggers import kept_checks
from slipway.triggers.kept_checks import KeptChecks
from slipway.triggers.threads import KEEP

POLICY = load_policy("release.yaml")
BAKING = Decision(Verdict.HOLD, "baking", [], 15.0, Cause.BAKING)


class Log:
    def __init__(self) -> None:
        self.warned: list[dict[str, Any]] = []

    def warning(self, _words: str, **fields: Any) -> None:
        self.warned.append(fields)


class Database:
    """The ledger's database, which answers when it is let."""

    def __init__(self) -> None:
        self.kept: list[tuple[Any, ...]] = []
        self.may_answer = threading.Event()
        self.error: Exception | None = None

    def keep(self, *check: Any) -> None:
        assert self.may_answer.wait(60)
        if self.error is not None:
            raise self.error
        self.kept.append(check)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database()
    monkeypatch.setattr(kept_checks, "PooledStore", lambda *_, **__: None)
    monkeypatch.setattr(kept_checks, "Ledger", lambda *, store: SimpleNamespace(checks=made))
    return made


def keeper(log: Log) -> KeptChecks:
    release: Any = SimpleNamespace(release_id="v1-2-0-abcdef", policy=POLICY)
    return KeptChecks(release, Bake("canary"), "slipway_ledger", log=log)


def record(checks: int) -> EvidenceRecord:
    made = EvidenceRecord("canary", list(POLICY.metrics))
    for number in range(checks):
        made.add({"error_rate": Counts(10)}, {"error_rate": Counts(90)}, at=15 * number)
    return made


def test_a_check_is_kept_with_a_short_series_of_each_metric(database: Database) -> None:
    database.may_answer.set()
    keeper(Log()).keep(BAKING, record(360))
    _idle()
    ((release_id, bake, decision, series),) = database.kept
    assert (release_id, bake, decision) == ("v1-2-0-abcdef", Bake("canary"), BAKING)
    errors = next(one for one in series if one.key == "error_rate")
    assert len(errors.canary) <= kept_checks.POINTS
    assert errors.canary[-1].at == 15 * 359, "the newest check is among them"


def test_a_check_of_a_long_bake_takes_no_longer_than_one_of_a_short_bake(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.may_answer.set()
    kept, seen, intervals = keeper(Log()), record(360), list[float]()

    def counted(*counts: float, confidence: float) -> tuple[float, float]:
        intervals.append(confidence)
        return wilson_interval(*counts, confidence=confidence)

    kept.keep(BAKING, seen)
    _idle()
    monkeypatch.setattr(evidence_series, "wilson_interval", counted)
    seen.add({"error_rate": Counts(10)}, {"error_rate": Counts(90)}, at=15 * 360)
    kept.keep(BAKING, seen)
    _idle()
    newest = next(one for one in database.kept[-1][3] if one.key == "error_rate").canary[-1]
    assert newest.at == 15 * 360
    assert 1 <= len(intervals) <= 2 * len(POLICY.metrics)


def test_while_the_database_is_slow_checks_are_left_out_and_the_bake_goes_on(database: Database) -> None:
    kept, seen = keeper(Log()), record(1)
    for _ in range(5):
        kept.keep(BAKING, seen)
    database.may_answer.set()
    _idle()
    assert len(database.kept) == 1
    kept.keep(BAKING, seen)
    _idle()
    assert len(database.kept) == 2


def test_a_check_that_cannot_be_kept_is_logged_and_nothing_else(database: Database) -> None:
    database.may_answer.set()
    database.error = OSError("no route to host")
    log = Log()
    keeper(log).keep(BAKING, record(1))
    _idle()
    (warned,) = log.warned
    assert warned["error"] == "OSError: no route to host"


def _idle() -> None:
    """Wait until the thread has written what it was given."""
    KEEP.submit(lambda: None).result(timeout=60)
