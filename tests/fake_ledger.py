"""A ledger in memory, with the API of the real one, for unit tests of what reads and writes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from slipway.exceptions import ReleaseConflict, ReleaseUnknown
from slipway.ledger.anchors import Head
from slipway.ledger.bakes import Bake
from slipway.ledger.chain import GENESIS, Kind, Record, RecordedEntry, canonical, chain_faults, entry_hash
from slipway.ledger.entries import (
    LedgerEntry,
    PromotionRolledBack,
    ReleaseClosed,
    ReleaseOpened,
    TrafficRestored,
)
from slipway.ledger.leases import leased
from slipway.ledger.ledger import Ledger, Outcome, Release
from slipway.ledger.listing import OpenRelease, ReleaseLine
from slipway.ledger.operations import step_of
from slipway.ledger.plan import ReleasePlan
from slipway.ledger.refused import RefusedRequest
from slipway.ledger.verification import Verification
from slipway.policy.environment import Environment
from slipway.policy.release import Policy

BEGAN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def record_of(*entries: LedgerEntry, release_id: str = "r", began: datetime = BEGAN) -> Record:
    """Return the record that these entries make, one a second, with a chain that holds."""
    written = [(entry.key, entry.payload()) for entry in entries]
    return record_of_payloads(*written, release_id=release_id, began=began)


def record_of_payloads(
    *written: tuple[str, Mapping[str, Any]], release_id: str = "r", began: datetime = BEGAN
) -> Record:
    """Return the record of payloads as they are, such as an earlier version wrote them."""
    recorded, previous = list[RecordedEntry](), GENESIS
    for sequence, (key, payload) in enumerate(written, start=1):
        at, text = began + timedelta(seconds=sequence), canonical(payload)
        made = entry_hash(previous, release_id, sequence, key, at, text)
        recorded.append(RecordedEntry(sequence, key, at, json.loads(text), previous, made))
        previous = made
    return Record(recorded)


class FakeLeases:
    """The locks: who holds what until when, and every renewal."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, datetime]] = {}
        self.renewed: list[datetime] = []

    def require_unlocked(self, services: Sequence[str], *, production: Environment) -> None:
        for service in leased(production, services):
            if service in self.held:
                raise ReleaseConflict(f"service {service}: release {self.held[service][0]} holds it")

    def renew(
        self, release_id: str, services: Iterable[str], *, production: Environment, until: datetime
    ) -> None:
        for service in leased(production, services):
            holder = self.held.get(service, (release_id, until))[0]
            if holder != release_id:
                raise ReleaseConflict(f"service {service}: release {holder} holds it")
            self.held[service] = (release_id, until)
        self.renewed.append(until)


class FakeOperation:
    """Where the name of a step's operation is kept."""

    def __init__(self, names: dict[tuple[str, str], str], place: tuple[str, str]) -> None:
        self._names, self._place = names, place

    def name(self) -> str | None:
        return self._names.get(self._place)

    def keep(self, name: str) -> None:
        self._names[self._place] = name


class FakeOperations:
    """The names of operations, by release and step."""

    def __init__(self) -> None:
        self.names: dict[tuple[str, str], str] = {}

    def of(
        self, release_id: str, kind: type[LedgerEntry], *, service: str | None = None, **parts: Any
    ) -> FakeOperation:
        return FakeOperation(self.names, (release_id, step_of(kind, service=service, **parts)))


class FakeDrawings:
    """The drawings, by release and bake."""

    def __init__(self) -> None:
        self.svg: dict[tuple[str, Bake], str] = {}

    def keep(self, release_id: str, bake: Bake, svg: str) -> None:
        self.svg.setdefault((release_id, bake), svg)

    def kept(self, release_id: str) -> set[Bake]:
        return {bake for of, bake in self.svg if of == release_id}

    def read(self, release_id: str, bake: Bake) -> str | None:
        return self.svg.get((release_id, bake))


class FakeRefusedRequests:
    """The refused requests, by run."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger
        self.kept: dict[str, RefusedRequest] = {}

    def keep(self, *, run_id: str, task: str, reason: str, **request: Any) -> None:
        before = self.kept.get(run_id)
        self.kept[run_id] = RefusedRequest(
            **request,
            run_id=run_id,
            reasons=(dict(before.reasons) if before else {}) | {task: reason},
            refused_at=before.refused_at if before else datetime.now(UTC),
        )

    def of_run(self, run_id: str) -> RefusedRequest | None:
        return None if self._ledger.listing.release_of_run(run_id) else self.kept.get(run_id)

    def notified(self, run_id: str, how: str) -> None:
        self.kept[run_id] = replace(self.kept[run_id], notified=how)


class FakeListing:
    """The releases as a list."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger

    def releases(self, *, limit: int, offset: int = 0) -> Sequence[ReleaseLine]:
        newest = sorted(self._ledger.opened.values(), key=lambda release: release.opened_at, reverse=True)
        return [
            ReleaseLine(
                found.release_id,
                found.version,
                found.run_id,
                found.actor,
                found.policy.region,
                found.outcome,
                found.reason,
                found.opened_at,
                found.closed_at,
            )
            for found in newest[offset : offset + limit]
        ]

    def opened_between(self, since: datetime, until: datetime) -> Sequence[str]:
        return [
            found.release_id for found in self._ledger.opened.values() if since <= found.opened_at < until
        ]

    def open_releases(self) -> Sequence[OpenRelease]:
        return [
            OpenRelease(found.release_id, found.run_id, self._locked_until(found.release_id))
            for found in self._ledger.opened.values()
            if found.outcome is None
        ]

    def _locked_until(self, release_id: str) -> datetime | None:
        held = self._ledger.locks.held.values()
        return min((until for holder, until in held if holder == release_id), default=None)

    def newest_ended(self) -> Sequence[str]:
        never = datetime.max.replace(tzinfo=UTC)
        newest = max(
            self._ledger.opened.values(), key=lambda release: release.closed_at or never, default=None
        )
        return [] if newest is None or newest.outcome is None else [newest.release_id]

    def release_of_run(self, run_id: str) -> str | None:
        found = (release.release_id for release in self._ledger.opened.values() if release.run_id == run_id)
        return next(found, None)


class FakeVerification:
    """Verifies the chain alone."""

    def __init__(self, ledger: FakeLedger) -> None:
        self._ledger = ledger

    def of(self, release_id: str) -> Verification:
        record = self._ledger.entries(release_id)
        faults = list(chain_faults(release_id, record))
        return Verification(release_id, len(record), record[-1].hash, faults, 0, "nowhere")


class FakeLedger(Ledger):
    """The record of releases, in memory.

    :param entries: what is on record of ``release_id`` already.
    :param release_id: a release that may be written to without being opened.
    """

    def __init__(self, *entries: LedgerEntry, release_id: str = "r") -> None:
        self._written: dict[str, list[LedgerEntry]] = {release_id: list(entries)}
        self.opened: dict[str, Release] = {}
        self.locks = FakeLeases()
        self.leases = self.locks  # type: ignore[assignment]
        self.operations = FakeOperations()  # type: ignore[assignment]
        self.listing = FakeListing(self)  # type: ignore[assignment]
        self.refused = FakeRefusedRequests(self)  # type: ignore[assignment]
        self.drawn = FakeDrawings()
        self.drawings = self.drawn  # type: ignore[assignment]
        self.anchored: list[str] = []
        self.verification = FakeVerification(self)  # type: ignore[assignment]

    def open_release(self, plan: ReleasePlan, policy: Policy, opened: ReleaseOpened) -> Release:
        if plan.release_id not in self.opened:
            production = policy.environments["production"]
            self.leases.require_unlocked(list(opened.stable), production=production)
            until = datetime.now(UTC) + timedelta(seconds=policy.lease_seconds)
            self.leases.renew(plan.release_id, opened.stable, production=production, until=until)
            self._written.setdefault(plan.release_id, []).append(opened)
            self.opened[plan.release_id] = Release(
                plan.release_id, plan.version, plan.run_id, opened.actor, plan, policy, opened.stable,
                outcome=None, reason=None, opened_at=datetime.now(UTC), closed_at=None,
            )  # fmt: skip
        return self.release(plan.release_id)

    def release(self, release_id: str) -> Release:
        if release_id not in self.opened:
            raise ReleaseUnknown(f"release {release_id}: was never opened")
        return self.opened[release_id]

    def launch(self, policy_name: str, version: str | None) -> Release | None:
        of_product = (release for release in self._promoted() if release.plan.policy_name == policy_name)
        return next((release for release in of_product if version in (None, release.version)), None)

    def promoted(self, policy_name: str, version: str, region: str) -> Release | None:
        sought = (policy_name, version, region)
        found = [r for r in self._promoted() if (r.plan.policy_name, r.version, r.policy.region) == sought]
        return found[-1] if found else None

    def last_of_version(self, policy_name: str, version: str, region: str) -> Release | None:
        sought = (policy_name, version, region)
        ended = [release for release in self.opened.values() if release.closed_at is not None]
        found = [r for r in ended if (r.plan.policy_name, r.version, r.policy.region) == sought]
        return max(found, key=lambda release: release.closed_at or BEGAN, default=None)

    def promotions(self, policy_name: str) -> list[tuple[str, datetime]]:
        return [
            (release.version, release.closed_at)
            for release in self._promoted()
            if release.closed_at is not None
            and release.plan.policy_name == policy_name
            and release.policy.region_after is None
        ]

    def append(self, release_id: str, entry: LedgerEntry) -> bool:
        if release_id not in self._written:
            raise ReleaseUnknown(f"release {release_id}: was never opened")
        written = self._written[release_id]
        if any(found.key == entry.key for found in written):
            return False
        written.append(entry)
        return True

    def entries(self, release_id: str) -> Record:
        return record_of(*self._written.get(release_id, ()), release_id=release_id)

    def head(self, release_id: str) -> Head | None:
        record = self.entries(release_id)
        return Head(release_id, record[-1].sequence, record[-1].hash) if record else None

    def anchor(self, release_id: str) -> None:
        self.anchored.append(release_id)

    def get(self, release_id: str, kind: type[Kind], **parts: str | int | None) -> Kind | None:
        return self.entries(release_id).get(kind, **parts)

    def newest(self, kind: type[Kind], *, policy_name: str, **fields: Any) -> tuple[Kind, datetime] | None:
        found = [
            (kind.read(entry.key, entry.payload), entry.at)
            for release_id in self._written
            if release_id not in self.opened or self.opened[release_id].plan.policy_name == policy_name
            for entry in self.entries(release_id)
            if entry.key == kind.key_of() and fields.items() <= entry.payload.items()
        ]
        return max(found, key=lambda one: one[1], default=None)

    def close(self, release_id: str, *, outcome: Outcome, reason: str) -> bool:
        release = self.opened[release_id]
        held = self.locks.held.items()
        self.locks.held = {service: lease for service, lease in held if lease[0] != release_id}
        given_back = (release.outcome, outcome) == ("promoted", "rolled_back") and self.get(
            release_id, TrafficRestored
        ) is not None
        if release.outcome is not None and not given_back:
            return False
        self.opened[release_id] = replace(
            release, outcome=outcome, reason=reason, closed_at=datetime.now(UTC)
        )
        entry = PromotionRolledBack(reason=reason) if given_back else None
        return self.append(release_id, entry or ReleaseClosed(outcome=outcome, reason=reason))

    def _promoted(self) -> list[Release]:
        promoted = (release for release in self.opened.values() if release.outcome == "promoted")
        return sorted(promoted, key=lambda release: release.closed_at or BEGAN)
