"""A release is opened once, by who asked for it, with its services locked."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.exceptions import ReleaseConflict
from slipway.hooks import secret_manager
from slipway.ledger.entries import ReleaseOpened, ServicesLocked
from slipway.operators import preflight
from slipway.operators.preflight import OpenReleaseOperator
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


def test_a_second_release_of_a_service_is_refused() -> None:
    ledger = FakeLedger()
    operator(ledger).execute(context_of())
    with pytest.raises(ReleaseConflict, match="netra-backend-prod"):
        operator(ledger, "other").execute(context_of("other"))


def test_a_later_region_without_a_user_belongs_to_who_asked_for_the_first() -> None:
    ledger = FakeLedger()
    first = opened(ledger)
    later = requested("later", follows=first.release_id).plan
    assert actor_of(later, None, ledger) == "ada"
    assert actor_of(later, "jo", ledger) == "jo"
    assert actor_of(requested("run").plan, None, ledger) == "unknown"
