"""When a bake reads which metrics."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.replay import replay
from slipway.analysis.verdict import Decision
from slipway.exceptions import MetricsUnavailable
from slipway.hooks.metrics import promql
from slipway.hooks.metrics.promql import Sample
from slipway.ledger.entries import PhaseBaked
from slipway.policy.release import load_policy
from slipway.triggers import bake
from slipway.triggers.bake import FORMAT, BakeTrigger, Reading, readings
from slipway.triggers.foreign_changes import ForeignChanges

from bench.evidence.bake import Door
from bench.evidence.dirt import KINDS, Dirt
from bench.evidence.world import CANARY, CHECK_SECONDS, GOOD, STABLE, Release, World


def test_each_source_is_read_at_every_check_as_soon_as_it_has_the_data() -> None:
    found = list(islice(readings({30: ["a"], 60: ["b", "c"]}, every=15, until=60), 6))
    assert found == [
        Reading(0, 30, ["a"], True),
        Reading(15, 45, ["a"], True),
        Reading(30, 60, ["a"], False),
        Reading(0, 60, ["b", "c"], True),
        Reading(45, 75, ["a"], False),
        Reading(15, 75, ["b", "c"], True),
    ]


def test_no_source_is_read_after_the_first_check_past_the_end() -> None:
    found = list(readings({30: ["a"], 60: ["b"]}, every=15, until=30))
    assert [reading.at for reading in found if reading.metrics == ["a"]] == [0, 15, 30, 45]
    assert [reading.at for reading in found if reading.metrics == ["b"]] == [0, 15, 30, 45]
    assert found[-1].metrics == ["b"]


def test_the_products_own_metrics_do_not_wait_for_cloud_monitoring() -> None:
    policy = load_policy("release.yaml")
    assert policy.metrics_by_delay[240] == ["error_rate", "memory"]
    assert {"latency_p95", "session_isolation", "optimization_success"} <= set(policy.metrics_by_delay[60])
    assert policy.slowest_ingestion_seconds == 240


class Served(Door):
    """Answers as of any moment, as a source that keeps its past does; about one metric perhaps never."""

    def __init__(self, truth: Release, dirts: Sequence[Dirt], silent_about: str = "nothing") -> None:
        super().__init__(World(truth, 1), dirts, seed=1)
        self._silent_about = silent_about
        self._past: list[list[Sample]] = [self._world.samples(0)]

    async def aquery(self, expr: str, time: float | None = None) -> list[Sample]:
        if self._silent_about in expr:
            raise MetricsUnavailable("503")
        return await super().aquery(expr, time)

    def served(self, time: float) -> list[Sample]:
        check = round(time / CHECK_SECONDS)
        while len(self._past) <= check:
            self._world.serve()
            self._past.append(self._world.samples(len(self._past) * CHECK_SECONDS))
        return self._past[check]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("truth", "dirts", "verdict", "ended_after"),
    [
        (Release("slow", slow=0.2), [], "rollback", (60, 150)),
        (Release("errors", errors=0.1), [], "rollback", (240, 330)),
        (GOOD, [], "promote", (3600 + 240, 3600 + 255)),
        (Release("slow", slow=0.2), ["refused"], "rollback", (60, 180)),
        (Release("slow", slow=0.2), "request_count", "rollback", (60, 150)),
        (Release("errors", errors=0.1), "duration_seconds", "rollback", (240, 330)),
    ],
    ids=["slow", "errors", "good", "refused", "slow, later source down", "errors, sooner source down"],
)
async def test_a_bake_ends_as_soon_as_the_sources_that_prove_it_have_the_data(
    truth: Release,
    dirts: list[str] | str,
    verdict: str,
    ended_after: tuple[float, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments: list[float] = []

    async def until(moment: float) -> None:
        moments.append(moment)

    monkeypatch.setattr(bake, "_beginning", lambda *_: (0.0, 0.0))

    weighed: list[Decision] = []

    async def weigh(_: Any, decision: Decision) -> Decision:
        weighed.append(decision)
        return decision

    policy = load_policy("release.yaml")
    metrics = {key: policy.metrics[key] for key in ("error_rate", "latency_p95")}
    names = ("release_id", "ledger_conn_id", "gcp_conn_id", "promql_conn_id")
    trigger = BakeTrigger(
        phase="canary", bake_round=1, started_at="1970-01-01T00:00:00+00:00", **dict.fromkeys(names, "x")
    )
    service = SimpleNamespace(names={"production": "web"}, revisions={"production": CANARY})
    release: Any = SimpleNamespace(
        policy=policy.model_copy(update={"metrics": metrics}), plan=SimpleNamespace(progressive=service)
    )
    door = Served(truth, [], dirts) if isinstance(dirts, str) else Served(truth, [KINDS[d] for d in dirts])
    monkeypatch.setattr(promql, "PromQLHook", lambda **_: door)
    monkeypatch.setattr(bake, "_until", until)
    monkeypatch.setattr(bake, "stable_revision", lambda *_: STABLE)
    monkeypatch.setattr(ForeignChanges, "weigh", weigh)

    decision, record = await trigger._bake(release)
    assert decision.verdict == verdict, decision.reason
    soonest, latest = ended_after
    assert soonest <= moments[-1] <= latest
    assert weighed
    assert not any(one.ends_the_bake for one in weighed), "a verdict waits for no look at the services"
    assert replay(record, release.policy).differences(decision.as_payload()) == []


@pytest.mark.asyncio
async def test_a_clock_that_is_ahead_or_stepped_back_lets_no_bake_wait(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = time.time()
    an_hour_ahead = datetime.fromtimestamp(now + 3600, UTC)
    started, began = bake._beginning(an_hour_ahead, logging.getLogger("test"))
    assert now <= started <= time.time()
    assert "its recorded beginning is still 1 h away" in caplog.text
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    await asyncio.wait_for(bake._until(began + 0.01), 10)


def test_a_bake_whose_triggerer_was_restarted_counts_from_where_it_began() -> None:
    before = datetime.fromtimestamp(1_000_000, UTC)
    started, began = bake._beginning(before, logging.getLogger("test"))
    assert started == pytest.approx(1_000_000, abs=1e-3)
    assert time.monotonic() - began == pytest.approx(time.time() - started, abs=1)


class Down:
    """A reader whose source is down."""

    async def read(self, **_: Any) -> Any:
        raise MetricsUnavailable("503")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("keys", "row"), [(["error_rate"], [0, [{"unanswered": "503"}, []]]), (None, [0, "503"])]
)
async def test_a_source_that_is_down_is_no_answer_of_its_metrics(
    keys: list[str] | None, row: list[Any]
) -> None:
    policy = load_policy("release.yaml")
    record = EvidenceRecord("canary", list(policy.metrics))
    names = ("release_id", "started_at", "ledger_conn_id", "gcp_conn_id", "promql_conn_id")
    trigger = BakeTrigger(phase="canary", bake_round=1, **dict.fromkeys(names, "x"))
    decision = await trigger._check(
        Down(),  # type: ignore[arg-type]
        BakeAnalysis(policy, bake_seconds=60, extension_seconds=0, phase="canary"),
        record,
        started=0,
        reading=Reading(0, 60, keys or list(policy.metrics), True),
    )
    assert record.rows[0][: len(row)] == row
    assert "503" in decision.reason


@pytest.mark.asyncio
async def test_a_brake_without_its_connection_is_reported_and_the_verdict_gets_through() -> None:
    trigger = BakeTrigger(
        release_id="v1-1-0-abcdef",
        phase="canary",
        bake_round=1,
        started_at="2026-01-01T00:00:00+00:00",
        ledger_conn_id="no_such_ledger",
        gcp_conn_id="no_such_cloud",
        promql_conn_id="no_such_metrics",
    )
    release: Any = SimpleNamespace(release_id="v1-1-0-abcdef", stable={"web": {"web-old": 100}})
    braked = await trigger._brake(release)
    assert list(braked) == ["error"]
    assert "no_such" in braked["error"]


NAMES = ("release_id", "started_at", "ledger_conn_id", "gcp_conn_id", "promql_conn_id")


def test_a_bake_that_an_earlier_version_began_goes_on() -> None:
    kept = {"phase": "canary", **dict.fromkeys(NAMES, "x")}
    assert BakeTrigger(**kept).bake_round == 1  # type: ignore[arg-type]
    trigger = BakeTrigger(**kept, watch=2)  # type: ignore[arg-type]
    _, again = trigger.serialize()
    assert (again["bake_round"], again["trigger_format"]) == (2, FORMAT)
    assert BakeTrigger(**again).serialize() == trigger.serialize()


@pytest.mark.asyncio
@pytest.mark.parametrize("later", [{"trigger_format": FORMAT + 1}, {"pace": 3}])
async def test_a_bake_that_a_later_version_began_is_held_and_says_so(later: dict[str, int]) -> None:
    kept: dict[str, Any] = {"phase": "canary", "bake_round": 1, **dict.fromkeys(NAMES, "x"), **later}
    (event,) = [event async for event in BakeTrigger(**kept).run()]
    baked = PhaseBaked.model_validate({**event.payload, "phase": "canary", "round": 1})
    assert baked.verdict == "hold"
    assert "a later version of Slipway began this bake" in baked.reason
