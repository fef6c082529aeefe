"""What a rollback does to each service, by what it serves; one that fails keeps no other from going back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.exceptions import CloudRunError, SchemaContractBroken
from slipway.hooks.cloud_run.hook import Lease, TrafficChange, serving_split
from slipway.ledger.ledger import Release
from slipway.release.rollback import traffic
from slipway.release.rollback.traffic import restore_each, restore_stable_traffic, rollback_steps

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

BACKEND, AUTH, FRONTEND = "netra-backend-prod", "netra-auth-prod", "netra-frontend-prod"


class Services:
    """Cloud Run, with what each service serves.

    :param release: whose services they are; each serves the release's revision alone.
    """

    def __init__(self, release: Release) -> None:
        self.new = {s.names["production"]: s.revisions["production"] for s in release.plan.services.values()}
        self.split = {name: {revision: 100} for name, revision in self.new.items()}
        self.leases: dict[str, Lease] = {}
        self.failing: set[str] = set()

    def get_service(self, address: Any) -> run_v2.Service:
        statuses = [
            {"revision": revision, "percent": percent, "type_": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}
            for revision, percent in self.split[address.service].items()
        ]
        lease = self.leases.get(address.service)
        return run_v2.Service(
            name=address.name,
            traffic_statuses=statuses,
            last_modifier="bob",
            annotations={} if lease is None else lease.annotations(),
        )

    def set_traffic(self, address: Any, *, split: dict[str, int], **_: Any) -> TrafficChange:
        if address.service in self.failing:
            raise CloudRunError(f"service {address.service}: no answer")
        before, self.split[address.service] = self.split[address.service], dict(split)
        return TrafficChange(before, dict(split), before != split, "etag", {})


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()


@pytest.fixture
def release(ledger: FakeLedger) -> Release:
    return opened(ledger)


@pytest.fixture
def services(release: Release, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(traffic, "require_readable_targets", lambda *_: {})
    return Services(release)


def test_every_service_goes_back_and_a_second_time_nothing_is_done(
    release: Release, services: Any, ledger: FakeLedger
) -> None:
    planned = {name: step.planned for name, step in rollback_steps(release, services).items()}
    changes = restore_stable_traffic(release, services, ledger)
    assert services.split == release.stable
    assert {name: (c.before, c.after, c.changed) for name, c in changes.items()} == {
        name: (c.before, c.after, c.changed) for name, c in planned.items()
    }
    again = restore_stable_traffic(release, services, ledger)
    assert not any(change.changed for change in again.values())


def test_a_service_that_fails_keeps_no_other_one_from_going_back(
    release: Release, services: Any, ledger: FakeLedger
) -> None:
    services.failing = {BACKEND, AUTH}
    each = restore_each(release, rollback_steps(release, services), services, ledger)
    assert next(each)[0] == FRONTEND
    with pytest.raises(CloudRunError, match=f"{BACKEND}: no answer") as failed:
        next(each)
    assert failed.value.__notes__ == [f"service {AUTH}: no answer"]
    assert services.split[FRONTEND] == release.stable[FRONTEND]


def test_what_is_another_ones_is_left_alone(release: Release, services: Any) -> None:
    services.split[BACKEND] = {"by-hand": 100}
    services.split[AUTH] = {services.new[AUTH]: 60, "by-hand": 40}
    services.leases[FRONTEND] = Lease("v9-other", "run", datetime.now(UTC) + timedelta(hours=1))
    steps = rollback_steps(release, services)
    notes = {name: str(step.planned.note) for name, step in steps.items()}
    assert notes[BACKEND].startswith("left alone: none of it is this release's; set by bob")
    assert notes[AUTH].startswith("overwritten: ")
    assert "release v9-other" in notes[FRONTEND]
    assert {name: step.moves for name, step in steps.items()} == {BACKEND: False, AUTH: True, FRONTEND: False}


def test_a_version_that_cannot_run_on_the_schema_keeps_every_service_where_it_is(
    release: Release, services: Any, ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise SchemaContractBroken("1.1.0 cannot run on the schema")

    monkeypatch.setattr(traffic, "require_readable_targets", broken)
    with pytest.raises(SchemaContractBroken):
        restore_stable_traffic(release, services, ledger)
    assert services.split == {name: {revision: 100} for name, revision in services.new.items()}


def test_the_fake_reads_as_the_hook_does(release: Release, services: Any) -> None:
    address = next(iter(rollback_steps(release, services).values())).address
    assert serving_split(services.get_service(address)) == {services.new[address.service]: 100}
