"""An auditor's sample says what, who asked, who approved, tests before, outcome, and names what is absent."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from slipway.__main__ import main
from slipway.ledger.audit_sample import sampled
from slipway.ledger.entries import (
    ApprovalDecided,
    ChecklistItemChecked,
    Person,
    ReleaseOpened,
    SuiteRun,
    TrafficShifted,
)
from slipway.ledger.verification import Verification
from slipway.policy.release import load_policy
from slipway.release.request import plan_release

from tests.fake_ledger import FakeLedger

SUITE = SuiteRun(suite="e2e", tests=10, passed=10)
SHIFT = TrafficShifted(phase="canary", changes={}, at=datetime(2026, 3, 2, 11, tzinfo=UTC))
APPROVED = ApprovalDecided(approved=True, reason="approved by bob", user=Person(id="2", name="bob"))


def a_ledger(*entries: object, reason: str | None = "=the spring sale") -> FakeLedger:
    policy = load_policy("release.yaml")
    plan = plan_release(
        {"version": "1.1.0"},
        run_id="run",
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    ledger = FakeLedger()
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", reason=reason, stable={}))
    for entry in entries:
        ledger.append(plan.release_id, entry)  # type: ignore[arg-type]
    return ledger


def sample(ledger: FakeLedger) -> dict[str, object]:
    (release,) = ledger.opened.values()
    record = ledger.entries(release.release_id)
    verified = Verification(release.release_id, len(record), None, (), 0, "nowhere")
    return sampled(release, record, verified).as_row()


def test_a_whole_release_has_everything_and_a_bare_one_names_what_is_absent() -> None:
    item = ChecklistItemChecked(item="tests", title="All tests pass", passed=False, reason="no")
    row = sample(a_ledger(SUITE, item, APPROVED, SHIFT))
    assert (row["requested_by"], row["approved_by"], row["outcome"]) == ("ada", "bob", "open")
    assert "netra-backend@sha256:" in str(row["changed"])
    assert row["tests"] == "Test suite e2e: 10 of 10 tests passed"
    assert row["checklist_missed"] == "Checklist: All tests pass: no, no"
    assert row["tested_before_production"] is True
    assert row["absent"] == "a load test; an end"
    bare = sample(a_ledger(ApprovalDecided(approved=True, reason="the policy asks nobody"), reason=None))
    assert (bare["approved_by"], bare["tested_before_production"]) == ("", None)
    assert bare["absent"] == (
        "the reason of the request; an approval by a person; tests; a load test; a checklist;"
        " traffic in production; an end"
    )


def test_a_test_after_the_traffic_is_no_test_before() -> None:
    assert sample(a_ledger(SHIFT, SUITE))["tested_before_production"] is False


def test_a_refusal_is_no_approval() -> None:
    refused = APPROVED.model_copy(update={"approved": False, "reason": "rejected by bob"})
    row = sample(a_ledger(refused))
    assert (row["approved_by"], row["approval"]) == ("", "Production not approved: rejected by bob")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_period_is_exported_and_no_cell_is_a_formula(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = a_ledger(SUITE)
    monkeypatch.setattr("slipway.commands.audit_sample.Ledger", lambda _: ledger)
    day = datetime.now(UTC).date().isoformat()
    assert main(["audit-sample", "--from", day, "--to", day, "--format", form]) == 0
    out = capsys.readouterr().out
    (row,) = (
        csv.DictReader(io.StringIO(out)) if form == "csv" else [json.loads(line) for line in out.splitlines()]
    )
    assert row["requested_because"] == ("'=the spring sale" if form == "csv" else "=the spring sale")
    assert row["record"].startswith("the chain holds")
    assert main(["audit-sample", "--from", day, "--to", "2020-01-01"]) == 1
    assert "is before --from" in capsys.readouterr().err
