"""A release is opened once, by who asked for it, with its services locked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.analysis.infrastructure import InfrastructureLine
from slipway.exceptions import ReleaseConflict, RequestRefused, ServiceNotFound
from slipway.hooks import secret_manager
from slipway.hooks.cloud_run.hook import ServiceAddress
from slipway.ledger.entries import InfrastructureChecked, ReleaseOpened, ServicesLocked
from slipway.operators import preflight
from slipway.operators.preflight import CheckServicesOperator, OpenReleaseOperator
from slipway.release.opening import actor_of

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import context_of, opened, requested, using


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open every release on one service that serves an old revision."""

    def read(_: Any, *, actor: str, reason: str | None, **__: Any) -> ReleaseOpened:
        return ReleaseOpened(actor=actor, reason=reason, stable={"netra-backend-prod": {"old": 100}})

    monkeypatch.setattr(preflight, "read_opening", read)
    monkeypatch.setattr(secret_manager, "SecretVersionHook", lambda **_: None)


def operator(ledger: FakeLedger, run: str = "run") -> OpenReleaseOperator:
    validated = requested(run).as_xcom()
    return using(OpenReleaseOperator(task_id="open_release", validated=validated), ledger)


def test_a_release_is_opened_once_and_its_services_are_locked() -> None:
    ledger = FakeLedger()
    task = operator(ledger)
    for _ in range(2):
        assert task.execute(context_of(reason="a fix")) == ["backend", "auth", "frontend"]
    (release,) = ledger.opened.values()
    entry = ledger.get(release.release_id, ReleaseOpened)
    assert entry is not None
    assert (entry.actor, entry.reason, entry.task) == ("ada", "a fix", "open_release")
    locked = ledger.get(release.release_id, ServicesLocked)
    assert locked is not None
    assert locked.until > release.opened_at
    assert task.cloud_run.locked == ["netra-backend-prod"] * 2  # type: ignore[attr-defined]


def test_what_was_found_of_the_infrastructure_goes_on_record_with_the_release() -> None:
    ledger = FakeLedger()
    line = InfrastructureLine("cloud_sql", "db", "degraded", "ZONAL", "has no standby")
    task = operator(ledger)
    task.infrastructure = [asdict(line)]
    task.execute(context_of())
    (release,) = ledger.opened
    entry = ledger.get(release, InfrastructureChecked)
    assert entry is not None
    assert entry.lines == (line,)


@pytest.mark.parametrize("outcome", ["promoted", "rolled_back"])
def test_a_run_that_is_cleared_after_its_end_locks_nothing(outcome: Any) -> None:
    ledger = FakeLedger()
    task = operator(ledger)
    task.execute(context_of())
    (release,) = ledger.opened
    ledger.close(release, outcome=outcome, reason="the tests")
    words = outcome.replace("_", " ")
    with pytest.raises(ReleaseConflict, match=rf"{release}: is {words} .* cleared run changes nothing"):
        task.execute(context_of())
    assert task.cloud_run.locked == ["netra-backend-prod"]  # type: ignore[attr-defined]


def test_a_second_release_of_a_service_is_refused() -> None:
    ledger = FakeLedger()
    operator(ledger).execute(context_of())
    with pytest.raises(ReleaseConflict, match="netra-backend-prod"):
        operator(ledger, "other").execute(context_of("other"))


def test_a_refusal_is_kept_with_who_asked_for_what_and_the_reason_itself() -> None:
    ledger = FakeLedger()
    holder = opened(ledger).release_id
    for _ in range(2):
        with pytest.raises(ReleaseConflict):
            operator(ledger, "other").execute(context_of("other", reason="a fix", region=None))
    refused = ledger.refused.of_run("other")
    assert refused is not None
    assert (refused.version, refused.actor, refused.run_id) == ("1.2.0", "ada", "other")
    assert refused.request == {"version": "1.2.0", "reason": "a fix"}
    assert refused.reasons == {
        "open_release": f"service netra-production/us-central1/netra-backend-prod: release {holder} holds it"
    }
    assert ledger.refused.of_run("run") is None


def test_a_refusal_stands_although_it_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = FakeLedger()
    opened(ledger)

    def fails(**_: Any) -> None:
        raise OSError("the ledger's database is down")

    monkeypatch.setattr(ledger.refused, "keep", fails)
    with pytest.raises(ReleaseConflict, match="netra-backend-prod"):
        operator(ledger, "other").execute(context_of("other"))


def test_a_later_region_without_a_user_belongs_to_who_asked_for_the_first() -> None:
    ledger = FakeLedger()
    first = opened(ledger)
    later = requested("later", follows=first.release_id).plan
    assert actor_of(later, None, ledger) == "ada"
    assert actor_of(later, "jo", ledger) == "jo"
    assert actor_of(requested("run").plan, None, ledger) == "unknown"


class Services:
    """Cloud Run as people have it: the backend is closed to the internet, the frontend is not there yet."""

    def get_service(self, address: ServiceAddress) -> run_v2.Service:
        if "frontend" in address.service:
            raise ServiceNotFound(f"service {address}: there is none")
        closed = "INGRESS_TRAFFIC_INTERNAL_ONLY" if "backend" in address.service else "INGRESS_TRAFFIC_ALL"
        serving = run_v2.TrafficTargetStatus(revision="old", percent=100)
        return run_v2.Service(name=address.name, ingress=closed, traffic_statuses=[serving])

    def get_revision(self, address: ServiceAddress, revision: str) -> run_v2.Revision:
        return run_v2.Revision(name=address.revision(revision), containers=[{"image": "i"}])


def test_a_release_that_cannot_ask_its_services_is_refused_before_it_is_opened() -> None:
    task = using(CheckServicesOperator(task_id="check", validated=requested("run").as_xcom()), FakeLedger())
    task.__dict__["cloud_run"] = Services()
    with pytest.raises(
        RequestRefused, match="service netra-backend-prod: its ingress is INGRESS_TRAFFIC_INTE"
    ):
        task.execute(context_of())
