"""A task without anything to work on is skipped and says what the policy does not have."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from slipway.analysis.verdict import Verdict
from slipway.ledger.entries import ApprovalDecided, GateDecided
from slipway.operators.backup import BackUpDatabaseOperator, RehearseMigrationsOperator
from slipway.operators.base import ReleaseOperator
from slipway.operators.checklist import ChecklistItemOperator
from slipway.operators.configuration import RollBackFlagsOperator, WriteConfigurationOperator
from slipway.operators.database import CheckDatabaseOperator, MigrateSchemaOperator
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.gates import GO_OR_ROLLBACK, PreparationGateOperator, StagingGateOperator
from slipway.operators.git import TagReleaseOperator
from slipway.operators.staging_tests import LoadTestOperator, TestSuiteOperator
from slipway.operators.warm_up import WarmUpOperator
from slipway.policy.checklist import ITEMS

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import PRODUCTION, STAGING, context_of, least_policy, opened, using

NO_STAGING = "the policy has no staging"
NO_DATABASE = "the product has no database"
TASKS: tuple[tuple[type[ReleaseOperator], dict[str, Any], str], ...] = (
    (WriteConfigurationOperator, {"environment": "staging"}, NO_STAGING),
    (MigrateSchemaOperator, {"environment": "staging"}, NO_STAGING),
    (DeployRevisionsOperator, {"environment": "staging"}, NO_STAGING),
    (TestSuiteOperator, {"suite": "e2e"}, "no suite e2e"),
    (LoadTestOperator, {}, "no load test"),
    (CheckDatabaseOperator, {"environment": "production"}, NO_DATABASE),
    (BackUpDatabaseOperator, {"environment": "production"}, NO_DATABASE),
    (RehearseMigrationsOperator, {"environment": "production"}, NO_DATABASE),
    (MigrateSchemaOperator, {"environment": "production"}, NO_DATABASE),
    (WriteConfigurationOperator, {"environment": "production"}, "no document"),
    (WarmUpOperator, {"phase": "canary"}, "no warm-up"),
    (TagReleaseOperator, {}, "no tag"),
    (RollBackFlagsOperator, {"environment": "production"}, "configuration"),
    *((ChecklistItemOperator, {"item": item}, f"no item {item}") for item in ITEMS),
)


@pytest.mark.parametrize(("operator", "arguments", "words"), TASKS)
def test_what_the_policy_does_not_have_is_skipped(
    operator: type[ReleaseOperator], arguments: dict[str, Any], words: str
) -> None:
    ledger = FakeLedger()
    opened(ledger, policy=least_policy())
    with pytest.raises(AirflowSkipException, match=words):
        using(operator(task_id="task", **arguments), ledger).execute(context_of())


def test_without_staging_its_gate_says_so_and_leads_on() -> None:
    decision = staging_gate(least_policy())
    assert (decision.verdict, decision.reason) == (
        Verdict.PROMOTE,
        "not validated before production: the policy has no staging",
    )


def test_staging_that_was_not_served_leads_to_the_rollback() -> None:
    policy = least_policy(environments={"production": PRODUCTION, "staging": STAGING})
    decision = staging_gate(policy)
    assert (decision.verdict, decision.reason) == (Verdict.ROLLBACK, "not on record: serving/staging")


def test_an_item_that_the_policy_has_is_still_required() -> None:
    policy = least_policy(checklist={"notification": {"connection": "team"}})
    decision = preparation_gate(policy)
    assert (decision.verdict, decision.reason) == (
        Verdict.ROLLBACK,
        "✗ Team notified and on standby: nothing on record",
    )


def test_without_a_checklist_nothing_is_in_the_way() -> None:
    assert preparation_gate(least_policy()).verdict is Verdict.PROMOTE


def test_an_approval_is_required_on_record_whatever_the_policy_has() -> None:
    ledger = FakeLedger()
    release = opened(ledger, policy=least_policy())
    ledger.append(release.release_id, GateDecided(phase="staging", verdict=Verdict.PROMOTE, reason="x"))
    decision = using(PreparationGateOperator(task_id=GO_OR_ROLLBACK, phase="preparation"), ledger).judge(
        release, context_of()
    )
    assert decision.reason == "not on record: approval/production"


def staging_gate(policy: Any) -> GateDecided:
    ledger = FakeLedger()
    release = opened(ledger, policy=policy)
    return using(StagingGateOperator(task_id=GO_OR_ROLLBACK, phase="staging"), ledger).judge(
        release, context_of()
    )


def preparation_gate(policy: Any) -> GateDecided:
    ledger = FakeLedger()
    release = opened(ledger, policy=policy)
    ledger.append(release.release_id, GateDecided(phase="staging", verdict=Verdict.PROMOTE, reason="x"))
    ledger.append(release.release_id, ApprovalDecided(approved=True, reason="nobody is asked"))
    gate = PreparationGateOperator(task_id=GO_OR_ROLLBACK, phase="preparation")
    return using(gate, ledger).judge(release, context_of())
