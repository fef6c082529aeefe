"""What a release is going to change is on record before anything of it changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.exceptions import SecretUnavailable
from slipway.ledger.entries import ChangesPlanned
from slipway.operators import planned_changes
from slipway.operators.planned_changes import PlanChangesOperator
from slipway.release.configuration import ConfigurationStore, Running

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import context_of, opened, using

WEB = "netra-backend-prod"


class CloudRun:
    """Cloud Run whose serving revisions have a variable of their own, and mount version 1 of the flags."""

    def get_revision(self, address: Any, revision: str) -> run_v2.Revision:
        selector = run_v2.SecretKeySelector(secret="prod-feature-flags", version="1")
        flags = run_v2.EnvVar(name="FEATURE_FLAGS")
        flags.value_source.secret_key_ref = selector
        return run_v2.Revision(
            name=address.revision(revision),
            labels={"slipway-release": "of-another-deployment"},
            scaling=run_v2.RevisionScaling(min_instance_count=2, max_instance_count=100),
            containers=[run_v2.Container(image="r/web:1", env=[run_v2.EnvVar(name="OWN", value="1"), flags])],
        )


def planned(monkeypatch: pytest.MonkeyPatch, state: str = "ENABLED") -> ChangesPlanned:
    ledger = FakeLedger()
    release = opened(ledger)
    task = using(PlanChangesOperator(task_id="plan_changes", environment="production"), ledger)
    task.__dict__["cloud_run"] = CloudRun()
    schema = SimpleNamespace(due=[SimpleNamespace(name="0014_column")], held={"0015_drop": "waits"})
    monkeypatch.setattr(task, "schema_hook", lambda _: SimpleNamespace(applied=lambda _: ()))
    monkeypatch.setattr(task, "due", lambda *_: schema)
    monkeypatch.setattr(planned_changes, "identity_of", lambda *_: None)
    running = {"feature-flags": Running("1", state, "2", {"token_optimization": False}, True)}
    monkeypatch.setattr(ConfigurationStore, "running", lambda _: running)
    task.execute(context_of())
    found = ledger.get(release.release_id, ChangesPlanned, environment="production")
    assert found is not None
    return found


def test_revisions_configuration_and_schema_are_compared_with_what_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = planned(monkeypatch)
    changes = {change.field: (change.before, change.after) for change in found.revisions[WEB]}
    assert changes["image"] == ("r/web:1", f"gcr.io/netra-production/netra-backend@sha256:{'0' * 64}")
    assert changes["env TOKEN_OPTIMIZATION_ENABLED"] == (None, "true")
    written = "prod-feature-flags, as this release writes it"
    assert changes["secret FEATURE_FLAGS"] == ("prod-feature-flags:1", written)
    assert not {"env OWN", "scaling.min_instance_count"} & changes.keys(), "the rest stays"
    flag = [change for change in found.configuration if change.document == "feature-flags"]
    assert [(change.before, change.after) for change in flag] == [("false", "true")], (
        "what is in force counts"
    )
    assert (found.migrations, dict(found.held)) == (("0014_column",), {"0015_drop": "waits"})
    assert f"{WEB}: " in found.sentence


def test_it_is_refused_when_what_serves_could_not_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SecretUnavailable, match="prod-feature-flags version 1: is DISABLED"):
        planned(monkeypatch, "DISABLED")
