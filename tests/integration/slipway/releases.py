"""Releases as the operators leave them on record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.verdict import Verdict
from slipway.ledger.ledger import Ledger, Release
from slipway.ledger.plan import plan_release
from slipway.policy.release import Policy, load_policy

BACKEND, STABLE = "netra-backend-prod", "netra-backend-prod-00001-abc"


def open_release(ledger: Ledger, version: str, *, run_id: str = "") -> Release:
    """Open a release of the backend."""
    policy = load_policy("release.yaml")
    plan = plan_release(
        {"version": version},
        run_id=run_id or f"manual__{version}",
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    return ledger.open_release(plan, policy, {BACKEND: {STABLE: 100}}, actor="ada", reason="the spring sale")


def shift(ledger: Ledger, release: Release, phase: str, percent: int) -> None:
    """Put a shift of the backend's traffic on record."""
    new = release.plan.services["backend"].revisions["production"]
    after = {name: share for name, share in ((new, percent), (STABLE, 100 - percent)) if share}
    changes = {BACKEND: {"before": {STABLE: 100}, "after": after, "percent": percent}}
    at = datetime.now(UTC).isoformat()
    ledger.append(release.release_id, f"shifted/{phase}", {"changes": changes, "at": at})


def roll_back_from_canary(ledger: Ledger, release: Release) -> str:
    """Put a canary that fails a fifth of its requests on record, to the end, and return the reason."""
    shift(ledger, release, "canary", 10)
    record, decision = failing_watch(release.policy)
    back = {BACKEND: {"before": {}, "after": {STABLE: 100}, "changed": True}}
    decided = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    ledger.append(release.release_id, "evidence/canary", record)
    ledger.append(release.release_id, "baked/canary", {**decision, "brake": {"changes": back, "at": decided}})
    said = {key: decision[key] for key in ("verdict", "reason", "findings")}
    ledger.append(release.release_id, "gate/canary", {"phase": "canary", **said})
    confirmed = {BACKEND: {"before": {STABLE: 100}, "after": {STABLE: 100}, "changed": False}}
    ledger.append(release.release_id, "rolled_back/traffic", {"reason": "x", "changes": confirmed})
    reason = f"canary: {decision['reason']}"
    ledger.close(release.release_id, outcome="rolled_back", reason=reason)
    return reason


def failing_watch(policy: Policy) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the evidence and the verdict of a watch that sees a fifth of the requests fail."""
    analysis = BakeAnalysis(policy, bake_seconds=3600, extension_seconds=1800, phase="canary")
    record, at = EvidenceRecord("canary", list(policy.metrics)), 0
    while True:
        canary = {key: Counts(30) for key in policy.metrics} | {"error_rate": Counts(30, 6, 6)}
        stable = {key: Counts(270) for key in policy.metrics}
        record.add(canary, stable, at=at)
        analysis.add(canary, stable, at=at)
        decision = analysis.decision(at=at)
        if decision.verdict is Verdict.ROLLBACK:
            return record.as_payload(), decision.as_payload()
        at += 15
