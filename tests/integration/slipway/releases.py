"""Releases as the operators leave them on record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.verdict import Decision, Verdict
from slipway.ledger.entries import (
    Brake,
    EvidenceRecorded,
    GateDecided,
    PhaseBaked,
    ReleaseOpened,
    SplitChange,
    TrafficRestored,
    TrafficShifted,
)
from slipway.ledger.ledger import Ledger, Release
from slipway.policy.release import Policy, load_policy
from slipway.release.request import plan_release

BACKEND, STABLE = "netra-backend-prod", "netra-backend-prod-00001-abc"


def open_release(
    ledger: Ledger,
    version: str,
    *,
    run_id: str = "",
    policy_name: str = "release.yaml",
    stable: Mapping[str, Mapping[str, int]] | None = None,
    **fields: Any,
) -> Release:
    """Open a release of the backend.

    :param policy_name: file of the policy.
    :param stable: by service, what serves; by default the backend alone.
    :param fields: more of the entry that opens it.
    """
    policy = load_policy(policy_name)
    plan = plan_release(
        {"version": version},
        run_id=run_id or f"manual__{version}",
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    return ledger.open_release(
        plan,
        policy,
        ReleaseOpened(
            actor="ada", reason="the spring sale", stable=stable or {BACKEND: {STABLE: 100}}, **fields
        ),
    )


def shift(ledger: Ledger, release: Release, phase: str, percent: int) -> None:
    """Put a shift of the backend's traffic on record."""
    new = release.plan.services["backend"].revisions["production"]
    after = {name: share for name, share in ((new, percent), (STABLE, 100 - percent)) if share}
    changes = {BACKEND: SplitChange(before={STABLE: 100}, after=after, percent=percent)}
    ledger.append(release.release_id, TrafficShifted(phase=phase, changes=changes, at=datetime.now(UTC)))


def roll_back_from_canary(ledger: Ledger, release: Release) -> str:
    """Put a canary that fails a fifth of its requests on record, to the end, and return the reason."""
    shift(ledger, release, "canary", 10)
    record, decision = failing_bake(release.policy)
    back = {BACKEND: SplitChange(before={}, after={STABLE: 100})}
    brake = Brake(changes=back, at=datetime.now(UTC) + timedelta(seconds=1))
    confirmed = {BACKEND: SplitChange(before={STABLE: 100}, after={STABLE: 100}, changed=False)}
    for entry in (
        EvidenceRecorded.of(record),
        PhaseBaked.by(decision, phase="canary", brake=brake),
        GateDecided.by(decision, phase="canary"),
        TrafficRestored(reason="x", changes=confirmed),
    ):
        ledger.append(release.release_id, entry)
    reason = f"canary: {decision.reason}"
    ledger.close(release.release_id, outcome="rolled_back", reason=reason)
    return reason


def failing_bake(policy: Policy) -> tuple[EvidenceRecord, Decision]:
    """Return the evidence and the verdict of a bake that sees a fifth of the requests fail."""
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    record, at = EvidenceRecord("canary", list(policy.metrics)), 0
    while True:
        canary = {key: Counts(30) for key in policy.metrics} | {"error_rate": Counts(30, 6, 6)}
        stable = {key: Counts(270) for key in policy.metrics}
        record.add(canary, stable, at=at)
        analysis.add(canary, stable, at=at)
        decision = analysis.decision(at=at)
        if decision.verdict is Verdict.ROLLBACK:
            return record, decision
        at += 15
