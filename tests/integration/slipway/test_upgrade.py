"""A release that an earlier version of Slipway has in flight is read, carried on and rolled back by this one.

The record is one that an earlier version exported, up to the middle of its phase *half*.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.commands.replay import report
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, ServiceAddress, serving_split
from slipway.ledger.chain import UnreadableEntry, canonical
from slipway.ledger.entries import GateDecided, TrafficRestored
from slipway.ledger.ledger import Ledger
from slipway.ledger.store import LedgerStore
from slipway.operators.closing import CloseRolledBackOperator
from slipway.operators.gates import BakeGateOperator
from slipway.operators.rollback import RollBackTrafficOperator
from slipway.policy.release import FORMAT
from slipway.release.address import service_address
from slipway.sql import statement

from tests.integration.slipway.hooks.web_service import SECONDS
from tests.unit.slipway.ledger.test_chain import DATA
from tests.unit.slipway.on_record import run_with

pytestmark = pytest.mark.sandbox

EXPORT = json.loads((DATA / "release_format_2_promoted.json").read_text())
OLD = EXPORT["release"]
ID, STABLE = OLD["release_id"], OLD["stable"]
LAST = "baked/half"


@pytest.fixture
def in_flight(ledger: Ledger) -> Ledger:
    """A ledger of today's schema with the release as the earlier version left it; its locks hold."""
    with LedgerStore().transaction() as cursor:
        documents = {name: canonical(OLD[name]) for name in ("plan", "policy", "stable")}
        cursor.execute(statement("ledger/open_release"), {**OLD, **documents})
        for entry in EXPORT["entries"]:
            cursor.execute(
                statement("ledger/append_entry"),
                {**entry, "release_id": ID, "payload": canonical(entry["payload"])},
            )
            if entry["key"] == LAST:
                break
        region = OLD["policy"]["environments"]["production"]["location"]
        for name in STABLE:
            cursor.execute(
                "INSERT INTO lease (service, release_id, until) VALUES (%s, %s, %s)",
                [f"{region}/{name}", ID, datetime.now(UTC) + timedelta(hours=1)],
            )
    return ledger


@pytest.fixture
def live(
    in_flight: Ledger, cloud_run: CloudRunTrafficHook, image: Callable[[str], str]
) -> Iterator[list[ServiceAddress]]:
    """Production as the phase left it: half of the progressive service's requests go to the new revision."""
    release = in_flight.release(ID)
    made = []
    for service in release.plan.services.values():
        address = service_address(release.policy, service.names["production"])
        (stable,) = STABLE[address.service]
        split = {stable: 100}
        for revision in (stable, service.revisions["production"]):
            cloud_run.deploy_revision(
                address,
                revision=revision,
                base=None,
                image=image("frontend:1.0.0"),
                env={"BACKEND_URL": "http://127.0.0.1:9"},
                secrets={},
                min_instances=0,
                max_instances=2,
                labels={"release": ID},
                tag=None,
                timeout=SECONDS,
            )
        if service is release.plan.progressive:
            split = {stable: 50, service.revisions["production"]: 50}
        cloud_run.set_traffic(address, split=split, timeout=SECONDS)
        made.append(address)
    yield made
    for address in made:
        cloud_run.api_client(run_v2.ServicesClient).delete_service(name=cloud_run.get_service(address).name)


def context() -> Any:
    run = SimpleNamespace(run_id=OLD["run_id"], conf={})
    return {"params": {"version": OLD["version"], "reason": None}, "dag_run": run} | run_with()


def test_its_record_is_read_replayed_and_goes_on(in_flight: Ledger) -> None:
    release, record = in_flight.release(ID), in_flight.entries(ID)
    assert OLD["policy"]["format"] < FORMAT == release.policy.format
    assert not [entry.key for entry in record if isinstance(entry.content, UnreadableEntry)]
    lines = list(report(record, release.policy, None))
    assert [line for is_well, line in lines if not is_well] == []
    assert len(lines) == 2, "the bakes of both phases are decided again"
    gate = BakeGateOperator(task_id="phase_4_half.go_or_rollback", phase="half")
    decided = gate.judge(release, context())
    was = next(entry["payload"] for entry in EXPORT["entries"] if entry["key"] == "gate/half")
    assert decided.verdict == was["verdict"] == "promote"
    assert in_flight.append(ID, decided)
    assert in_flight.get(ID, GateDecided, phase="half") == decided
    assert in_flight.verification.of(ID).first_broken is None, "the chain goes on"


def test_it_is_rolled_back_and_closed(
    in_flight: Ledger, live: list[ServiceAddress], cloud_run: CloudRunTrafficHook
) -> None:
    for operator in (
        RollBackTrafficOperator(task_id="rollback.roll_back_traffic"),
        CloseRolledBackOperator(task_id="rollback.close_release"),
    ):
        operator.cloud_run = cloud_run
        operator.execute(context())
    assert {found.service: dict(serving_split(cloud_run.get_service(found))) for found in live} == STABLE
    assert in_flight.get(ID, TrafficRestored) is not None
    assert in_flight.release(ID).outcome == "rolled_back"
    assert in_flight.verification.of(ID).first_broken is None
