"""The bake of a phase, on a real Prometheus and a real ledger, with a triggerer that dies on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from slipway.analysis.replay import replay
from slipway.analysis.verdict import Decision, Verdict
from slipway.ledger.bakes import Bake
from slipway.ledger.entries import EvidenceRecorded, ReleaseOpened
from slipway.ledger.ledger import LEDGER_CONNECTION, Ledger
from slipway.policy.release import Policy, load_policy
from slipway.release.request import plan_release
from slipway.triggers.bake import BakeTrigger
from slipway.triggers.foreign_changes import ForeignChanges

from sandbox.supervisor.settings import Settings
from tests.own_sandbox import own_sandbox
from tests.servers import prometheus_with
from tests.waiting import until

pytestmark = pytest.mark.sandbox

SECONDS = 60
REQUESTS = 20
#: The new revision's first instance starts again here, a second one comes here.
RESTART, SECOND = 20, 30
STABLE = "netra-backend-prod-old"
NOW = int(time.time()) - 120


@pytest.fixture(scope="module")
def policy() -> Iterator[Policy]:
    """The sandbox's policy: a canary is watched for forty seconds, second by second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPWAY_REGISTRY_PORT", "5000")
        yield load_policy("sandbox.yaml")


@pytest.fixture
def released(ledger: Ledger, policy: Policy) -> Any:
    """An open release of one service."""
    plan = plan_release(
        {"version": "1.1.0"},
        run_id="watched",
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    stable = {plan.progressive.names["production"]: {STABLE: 100}}
    return ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable=stable))


def counter(
    begins: Sequence[int], named: Mapping[str, str], name: str, per_second: float, **labels: str
) -> Iterator[str]:
    """A counter that rises evenly from every beginning, in OpenMetrics' text format."""
    text = ",".join(f'{key}="{value}"' for key, value in {**named, **labels}.items())
    for second in range(begins[0], SECONDS + 1):
        began = max(moment for moment in begins if moment <= second)
        yield f"{name}{{{text}}} {(second - began) * per_second:g} {NOW + second}"


def samples(revision: str, service: str, turned_away: float) -> Iterator[str]:
    """A revision's counters, second by second; instances of the new one come and start again.

    :param turned_away: part of the new revision's requests that get no instance.
    """
    refused = 0 if revision == STABLE else REQUESTS * turned_away
    # Per instance: the seconds at which it began, and began again.
    instances = {"a": (0, RESTART), "b": (SECOND,)} if revision != STABLE else {"a": (0,)}
    for instance, begins in instances.items():
        named = {
            "service_name": service,
            "revision_name": revision,
            "location": "us-central1",
            "instance": instance,
        }
        line = partial(counter, begins, named)
        run = {"monitored_resource": "cloud_run_revision"}
        for code, per_second in (("200", REQUESTS - refused), ("429", refused), ("404", 0.1), ("503", 0)):
            answered = {"response_code": code, "response_code_class": f"{code[0]}xx"}
            yield from line("run_googleapis_com:request_count", per_second, **answered, **run)
        yield from line("session_isolation_breaches_total", 0)
        yield from line("cost_calculation_checks_total", REQUESTS, result="accurate")
        yield from line("cost_calculation_checks_total", 0, result="inaccurate")
        yield from line("token_optimization_cost_original_usd_total", 1)
        yield from line("token_optimization_cost_usd_total", 0.8)
        for name in (
            "token_optimization_attempts_total",
            "websocket_connections_total",
            "websocket_events_total",
        ):
            yield from line(name, REQUESTS, outcome="success")
            yield from line(name, 0, outcome="failure")
        for name, edges in (
            ("http_request_duration_seconds", ("0.5", "2.0", "+Inf")),
            ("websocket_event_latency_seconds", ("0.2", "+Inf")),
        ):
            for edge in edges:
                yield from line(f"{name}_bucket", REQUESTS, le=edge)
            yield from line(f"{name}_count", REQUESTS)


@pytest.fixture
def turned_away() -> float:
    """Part of the new revision's requests that get no instance."""
    return 0


@pytest.fixture
def metrics(released: Any, turned_away: float, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """What both revisions did in a minute that is over."""
    service = released.plan.progressive
    names = (service.revisions["production"], STABLE)
    lines = [line for name in names for line in samples(name, service.names["production"], turned_away)]
    lines.sort(key=lambda line: line.partition("{")[0])
    with own_sandbox() as own, prometheus_with(lines, own):
        connection = {"conn_type": "http", "host": own.prometheus_url}
        monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_PROMQL", json.dumps(connection))
        yield own


@pytest.fixture(autouse=True)
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The release's services are nowhere: nothing but the metrics decides."""

    async def weigh(_: ForeignChanges, decision: Decision) -> Decision:
        return decision

    monkeypatch.setattr(ForeignChanges, "weigh", weigh)


class KilledError(Exception):
    """The triggerer dies."""


class Mortal(BakeTrigger):
    """A trigger whose process dies after so many looks."""

    looks = 17

    def _audit(self, decision: Decision, at: float) -> None:
        super()._audit(decision, at)
        self.looks -= 1
        if not self.looks:
            raise KilledError


def arguments(release_id: str) -> dict[str, Any]:
    return {
        "release_id": release_id,
        "phase": "canary",
        "bake_round": 1,
        "started_at": datetime.fromtimestamp(NOW, UTC).isoformat(),
        "ledger_conn_id": LEDGER_CONNECTION,
        "gcp_conn_id": "google_cloud_default",
        "promql_conn_id": "slipway_promql",
    }


async def end(trigger: BakeTrigger) -> Mapping[str, Any]:
    """Return what the trigger fires."""
    (event,) = [event async for event in trigger.run()]
    payload: Mapping[str, Any] = event.payload
    return payload


@pytest.mark.asyncio
async def test_a_triggerer_that_dies_counts_nothing_twice(
    released: Any, metrics: Settings, ledger: Ledger, policy: Policy
) -> None:
    bake, every = policy.phases["canary"].bake_seconds, policy.decision.poll_seconds
    mortal = Mortal(**arguments(released.release_id))
    with pytest.raises(KilledError):
        await end(mortal)
    assert ledger.get(released.release_id, EvidenceRecorded, phase="canary") is None, (
        "the dead one left nothing"
    )

    _, kept = mortal.serialize()
    verdict = await end(BakeTrigger(**kept))
    assert (verdict["verdict"], verdict["seconds"]) == ("promote", bake)
    evidence = ledger.get(released.release_id, EvidenceRecorded, phase="canary")
    assert evidence is not None
    record = evidence.record()
    looks = [(at, canary) for at, canary, _ in record.checks() if not isinstance(canary, str)]
    assert [at for at, _ in looks] == [every * number for number in range(int(bake / every) + 1)]
    # What the first instance served in the second of its restart is lost with it.
    served = REQUESTS * (bake + bake - SECOND)
    assert sum(canary["error_rate"].total for _, canary in looks) == pytest.approx(served, abs=REQUESTS)
    assert replay(record, ledger.release(released.release_id).policy).differences(verdict) == []
    shown = until(lambda: ledger.checks.newest(released.release_id, Bake("canary")), "a check is kept")
    assert shown is not None
    assert shown.judged.verdict is Verdict.HOLD, "it is shown while the bake goes on"


@pytest.mark.asyncio
@pytest.mark.parametrize("turned_away", [0.4])
async def test_a_canary_that_turns_its_users_away_is_rolled_back(released: Any, metrics: Settings) -> None:
    """Without a free instance Cloud Run answers 429: no user gets an answer, and no 5xx is counted."""
    decision, _ = await BakeTrigger(**arguments(released.release_id))._bake(released)
    assert (decision.verdict, decision.cause) == (Verdict.ROLLBACK, "over_trigger"), decision.reason
    assert decision.reason.startswith("Error rate over the trigger: 39.8")
