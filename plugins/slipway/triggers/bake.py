"""The bake trigger: checks the evidence of a phase, and pulls the emergency brake on a rollback verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from slipway.analysis.counts import Counts
from slipway.analysis.verdict import Cause, Decision, Verdict
from slipway.exceptions import MetricsUnavailable
from slipway.ledger.audit import audit, duration
from slipway.ledger.bakes import Bake
from slipway.ledger.entries import EvidenceRecorded
from slipway.ledger.ledger import Ledger, Release
from slipway.ledger.store import PooledStore
from slipway.policy.release import Phase, PhaseName
from slipway.release.address import service_address
from slipway.release.drift import stable_revision
from slipway.release.rollback.traffic import restore_stable_traffic
from slipway.triggers.foreign_changes import ForeignChanges
from slipway.triggers.kept_checks import KeptChecks
from slipway.triggers.synthetic_requests import synthetic_requests
from slipway.triggers.threads import BRAKE, READ, in_thread

if TYPE_CHECKING:
    from slipway.analysis.bake import BakeAnalysis
    from slipway.analysis.evidence_record import EvidenceRecord
    from slipway.hooks.metrics.reader import MetricReader

#: Stands for stable in the first release of a service: the name of no revision, so that nothing is counted.
NO_REVISION = "none"
#: Of the fields that a deferred bake is kept with. Format 1 had none on it; its round was ``watch``, or none.
FORMAT = 2
#: Bound of a connection to the ledger, and of a statement.
_SECONDS = 30


class BakeTrigger(BaseTrigger):
    """Checks the metrics of one phase until it is decided or its time is over.

    The checks are at fixed moments after the traffic change, each of the metrics as of that moment. So a
    restarted triggerer repeats the same checks, gets to the same state without counting anything twice,
    and goes on. On a rollback verdict the trigger restores the recorded split itself, at once. A bake that an
    earlier version of Slipway began goes on; of one that a later version began the verdict is *hold*.

    :param release_id: the release.
    :param phase: ``canary``, ``half`` or ``full``.
    :param started_at: ISO moment at which the phase's traffic was in force, or this bake round began.
    :param ledger_conn_id: connection to the ledger's database.
    :param gcp_conn_id: connection to Google Cloud.
    :param promql_conn_id: connection to the PromQL API.
    :param bake_round: number of the bake round; 1 for the first.
    """

    def __init__(
        self,
        *,
        release_id: str,
        phase: PhaseName,
        started_at: str,
        ledger_conn_id: str,
        gcp_conn_id: str,
        promql_conn_id: str,
        bake_round: int | None = None,
        **others: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.release_id = release_id
        self.phase = phase
        self.bake_round = bake_round or others.pop("watch", 1)
        self.started_at = started_at
        self.ledger_conn_id = ledger_conn_id
        self.gcp_conn_id = gcp_conn_id
        self.promql_conn_id = promql_conn_id
        self.trigger_format = FORMAT
        kept_as = others.pop("trigger_format", 1)
        known = kept_as <= FORMAT and not others
        self._foreign = "" if known else f"{kept_as} {sorted(others)}"

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that make the same trigger again."""
        names = (
            "release_id",
            "phase",
            "bake_round",
            "started_at",
            "ledger_conn_id",
            "gcp_conn_id",
            "promql_conn_id",
            "trigger_format",
        )
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            name: getattr(self, name) for name in names
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: the decision, as plain data."""
        if self._foreign:
            reason = (
                f"a later version of Slipway began this bake (trigger format {self._foreign}, known up to"
                f" {FORMAT}), and this version cannot go on with it"
            )
            decision = Decision(Verdict.HOLD, reason, [], 0.0, Cause.NO_EVIDENCE)
            payload = decision.as_payload() | {"decided_at": datetime.now(UTC).isoformat()}
            yield TriggerEvent(payload)  # type: ignore[no-untyped-call]
            return
        release = await in_thread(READ, self._release)
        yield await self._verdict(release, *await self._bake(release))

    async def _verdict(self, release: Release, decision: Decision, record: EvidenceRecord) -> TriggerEvent:
        payload = decision.as_payload() | {"decided_at": datetime.now(UTC).isoformat()}
        if decision.verdict is Verdict.ROLLBACK:
            payload["brake"] = await self._brake(release)
        await in_thread(BRAKE, lambda: self._keep(record))
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]

    def _ends(self, decision: Decision) -> bool:
        return decision.ends_the_bake

    def _length(self, phase: Phase) -> float:
        return phase.bake_seconds + phase.extension_seconds

    def _release(self) -> Release:
        """Read the release over connections that stay open: a triggerer begins many bakes at once."""
        store = PooledStore(
            self.ledger_conn_id, connect_seconds=_SECONDS, statement_seconds=_SECONDS, read_only=True
        )
        return Ledger(store=store).release(self.release_id)

    def _keep(self, record: EvidenceRecord) -> None:
        """Put every check on record, after the brake: the verdict can be replayed from it."""
        entry = EvidenceRecorded.of(record, number=self.bake_round)
        Ledger(self.ledger_conn_id).append(self.release_id, entry)

    async def _bake(self, release: Release) -> tuple[Decision, EvidenceRecord]:
        from slipway.analysis.bake import BakeAnalysis
        from slipway.analysis.evidence_record import EvidenceRecord
        from slipway.hooks.metrics.promql import PromQLHook
        from slipway.hooks.metrics.reader import MetricReader

        phase, policy = release.policy.phases[self.phase], release.policy
        analysis = BakeAnalysis(
            policy,
            bake_seconds=phase.bake_seconds,
            extension_seconds=phase.extension_seconds,
            phase=self.phase,
        )
        record = EvidenceRecord(self.phase, list(policy.metrics))
        service = release.plan.progressive
        started, began = _beginning(datetime.fromisoformat(self.started_at), self.log)
        deadline = self._length(phase)
        changes = ForeignChanges(release, self.ledger_conn_id, self.gcp_conn_id, log=self.log)
        kept = KeptChecks(release, Bake(self.phase, self.bake_round), self.ledger_conn_id, log=self.log)
        async with (
            PromQLHook(conn_id=self.promql_conn_id, replica_labels=policy.decision.replica_labels) as hook,
            synthetic_requests(release, self.phase, self.gcp_conn_id, log=self.log),
        ):
            reader = MetricReader(
                hook,
                policy.metrics,
                service=service_address(policy, service.names["production"]),
                revisions=[service.revisions["production"], stable_revision(release, service) or NO_REVISION],
            )
            every = policy.decision.poll_seconds
            for reading in readings(policy.metrics_by_delay, every=every, until=deadline):
                await _until(began + reading.due)
                decision = await self._check(reader, analysis, record, started=started, reading=reading)
                if not (self._ends(decision) or reading.is_last_of_check):
                    continue
                if not self._ends(decision):
                    decision = await changes.weigh(decision)
                self._audit(decision, reading.at)
                if self._ends(decision):
                    break
                kept.keep(decision, record)
        return decision, record

    async def _check(
        self,
        reader: MetricReader,
        analysis: BakeAnalysis,
        record: EvidenceRecord,
        *,
        started: float,
        reading: Reading,
    ) -> Decision:
        at, keys = reading.at, reading.metrics
        try:
            canary, stable = await reader.read(at=started + at, keys=keys)
        except MetricsUnavailable as error:
            if len(keys) == len(record.metrics):
                record.add_unanswered(str(error), at=at)
                return analysis.unanswered(str(error), at=at)
            # Of one source among several.
            canary, stable = dict.fromkeys(keys, Counts(unanswered=str(error))), {}
        record.add(canary, stable, at=at, read=keys)
        analysis.add(canary, stable, at=at, read=keys)
        return analysis.decision(at=at)

    def _audit(self, decision: Decision, at: float) -> None:
        audit(
            self.log,
            f"Check of the {self.phase} bake after {duration(at)}: {decision.verdict}: {decision.reason}",
            release=self.release_id,
            entry=f"checked/{self.phase}",
            seconds=round(at, 1),
            verdict=decision.verdict,
            reason=decision.reason,
            findings=decision.findings,
        )

    async def _brake(self, release: Release) -> dict[str, Any]:
        """Restore the recorded split at once; the rollback group confirms and completes it.

        A failure is reported, not raised: the verdict must reach the task whatever happens here.
        """
        from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

        try:
            hook = CloudRunTrafficHook(gcp_conn_id=self.gcp_conn_id)
            ledger = Ledger(self.ledger_conn_id)
            changes = await in_thread(BRAKE, lambda: restore_stable_traffic(release, hook, ledger))
        except Exception as error:
            self.log.exception(
                "the emergency brake failed; the rollback group restores the traffic", release=self.release_id
            )
            return {"error": f"{type(error).__name__}: {error}"}
        moved = {name: change.model_dump(mode="json", exclude_none=True) for name, change in changes.items()}
        return {"changes": moved, "at": datetime.now(UTC).isoformat()}


@dataclass(frozen=True)
class Reading:
    """Metrics of one source, read as of one moment.

    :param at: the moment, seconds since the first check.
    :param due: when the source has all of its data, seconds since the first check.
    :param metrics: keys of the metrics.
    :param is_last_of_check: False when metrics of another source are due at the same time.
    """

    at: float
    due: float
    metrics: Sequence[str]
    is_last_of_check: bool


def readings(by_delay: Mapping[float, Sequence[str]], *, every: float, until: float) -> Iterator[Reading]:
    """Yield what is read when: each source at every check, as soon as it has the data.

    :param by_delay: the metrics by how many seconds their source is late.
    :param every: seconds between two checks.
    :param until: seconds since the first check; the first one after it is the last.
    """
    number = dict.fromkeys(by_delay, 0)
    while due := {
        delay: checks * every + delay for delay, checks in number.items() if (checks - 1) * every <= until
    }:
        delay = min(due, key=lambda found: (due[found], found))
        at, others = number[delay] * every, (when for other, when in due.items() if other != delay)
        number[delay] += 1
        yield Reading(at, at + delay, by_delay[delay], at + delay not in others)


def _beginning(started_at: datetime, log: Any) -> tuple[float, float]:
    """Return the moment that a bake counts from, and that moment by a clock that nobody steps.

    Whoever moved the traffic may have a clock that is ahead: a bake never waits for a moment to come.

    :param started_at: the moment on record.
    :param log: where it is said that it is still to come.
    """
    now = time.time()
    ahead = started_at.timestamp() - now
    if ahead > 1:
        log.warning("The bake counts from now: its recorded beginning is still %s away", duration(ahead))
    passed = max(0.0, -ahead)
    return now - passed, time.monotonic() - passed


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
