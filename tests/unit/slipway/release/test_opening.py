"""A release is opened over a usable rollback target, or over a version that is declared broken."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.exceptions import ReleaseConflict, RequestRefused
from slipway.ledger.entries import LeftOut, ReleaseOpened, ServedDocument, TemplateChange
from slipway.release import opening
from slipway.release.opening import read_opening
from slipway.release.request import ValidatedRequest
from slipway.release.rollback.target import RollbackTarget

from tests.fake_ledger import BEGAN, FakeLedger
from tests.unit.slipway.on_record import opened, requested


def target(service: str, **changes: Any) -> RollbackTarget:
    return RollbackTarget(**({"service": service, "revision": f"{service}-old"} | changes))


def read(request: ValidatedRequest, ledger: FakeLedger) -> ReleaseOpened:
    nothing: Any = None
    return read_opening(
        request, ledger=ledger, cloud_run=nothing, secrets=nothing, actor="ada", reason="a fix"
    )


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What is special about a service's target, by service."""
    changes: dict[str, dict[str, Any]] = {}
    monkeypatch.setattr(
        opening,
        "read_target",
        lambda _, __, address, **___: target(address.service, **changes.get(address.service, {})),
    )
    monkeypatch.setattr(opening, "read_left_out", lambda *_: None)
    served = ServedDocument(mounted="2", in_force="3")
    monkeypatch.setattr(opening, "served_configuration", lambda *_: {"feature-flags": served})
    monkeypatch.setattr(opening, "target_versions", lambda *_: {"netra-backend-prod": "1.1.0"})
    return changes


def test_the_entry_names_the_split_of_every_service(targets: dict[str, dict[str, Any]]) -> None:
    entry = read(requested("run"), FakeLedger())
    assert entry.stable["netra-backend-prod"] == {"netra-backend-prod-old": 100}
    assert set(entry.stable) == set(entry.targets) == set(entry.states)
    assert (entry.actor, entry.reason, entry.findings) == ("ada", "a fix", ())
    assert entry.configuration["feature-flags"].in_force == "3"
    assert entry.versions == {"netra-backend-prod": "1.1.0"}


def test_a_target_that_could_not_serve_is_refused_unless_it_is_declared_broken(
    targets: dict[str, dict[str, Any]],
) -> None:
    targets["netra-backend-prod"] = {"findings": ("secret flags: version 3 is destroyed",)}
    request = requested("run")
    with pytest.raises(RequestRefused) as refused:
        read(request, FakeLedger())
    assert "no usable rollback target: secret flags: version 3 is destroyed. " in str(refused.value)
    assert '"Current version is broken" (stable_is_broken)' in str(refused.value)
    broken = request.plan.model_copy(update={"stable_is_broken": True})
    entry = read(ValidatedRequest(plan=broken, policy=request.policy), FakeLedger())
    assert entry.stable_is_broken
    assert entry.findings == ("secret flags: version 3 is destroyed",)


def test_what_somebody_deployed_after_what_serves_is_on_record_once_acknowledged(
    targets: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = LeftOut(revision="hand", by="eve", at=BEGAN, changes=(TemplateChange(field="image", after="x"),))
    monkeypatch.setattr(opening, "read_left_out", lambda _, key, *__: found if key == "auth" else None)
    request = requested("run")
    with pytest.raises(RequestRefused, match="leave_out_newest"):
        read(request, FakeLedger())
    without = request.plan.model_copy(update={"leave_out_newest": True})
    entry = read(ValidatedRequest(plan=without, policy=request.policy), FakeLedger())
    assert entry.left_out == entry.foreign == {"netra-auth-prod": found}
    assert "Left out: netra-auth-prod: revision hand, deployed by eve" in entry.sentence


@pytest.mark.parametrize(("outcome", "refused"), [("rolled_back", True), ("promoted", False)])
def test_a_revision_that_was_rolled_back_is_no_target(
    targets: dict[str, dict[str, Any]], outcome: Any, refused: bool
) -> None:
    ledger = FakeLedger()
    before = opened(ledger, "before").release_id
    ledger.close(before, outcome=outcome, reason="5 % errors")
    targets["netra-backend-prod"] = {"release": before}
    if refused:
        with pytest.raises(RequestRefused, match=f"which release {before} made and rolled back"):
            read(requested("run"), ledger)
    else:
        assert read(requested("run"), ledger).findings == ()
    targets["netra-backend-prod"] = {"release": "of-another-deployment"}
    assert read(requested("run"), ledger).findings == ()


def test_a_service_that_another_release_holds_is_refused_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise AssertionError("read although the service is locked")

    monkeypatch.setattr(opening, "read_target", fails)
    ledger = FakeLedger()
    opened(ledger, "before")
    with pytest.raises(ReleaseConflict):
        read(requested("run"), ledger)
