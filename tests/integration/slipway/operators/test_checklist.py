"""The rehearsed rollback leaves staging as it was, and the checklist's items find their evidence."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.ledger.entries import ChecklistItemChecked
from slipway.operators.checklist import ChecklistItemOperator
from slipway.operators.configuration import WriteConfigurationOperator
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.rollback_drill import RehearseRollbackOperator
from slipway.policy.checklist import ItemName

from tests.integration.slipway.hooks.web_service import PROJECT
from tests.integration.slipway.operators.conftest import Product

pytestmark = pytest.mark.sandbox


def item(product: Product, name: ItemName) -> dict[str, Any]:
    return ChecklistItemOperator(task_id="checklist", item=name).execute(product.context)


def rehearse(product: Product) -> dict[str, Any]:
    return RehearseRollbackOperator(task_id="rehearse_rollback").execute(product.context)


def test_a_rehearsal_brings_back_what_served_and_counts(product: Product) -> None:
    product.open()
    assert rehearse(product)["reason"].startswith("RevisionNotFound: "), "there is no new revision yet"
    assert item(product, "rollback_tested")["reason"] == "no successful rehearsal is on record"
    product.start_run()
    release = product.open_next()
    WriteConfigurationOperator(task_id="write", environment="staging").execute(product.context)
    DeployRevisionsOperator(task_id="deploy", environment="staging").execute(product.context)
    found = rehearse(product)
    assert (found["passed"], found["before"]) == (True, {product.stable: 100})
    assert 0 < found["seconds"] < found["limit_seconds"]
    assert product.web.split()["stable"] == 100
    assert item(product, "rollback_tested")["passed"]
    entry = product.ledger.get(release.release_id, ChecklistItemChecked, item="rollback_tested")
    assert entry is not None
    assert entry.evidence["seconds"] == found["seconds"]


def test_prepared_configuration_is_read_back(product: Product) -> None:
    product.open()
    assert item(product, "production_configuration")["reason"] == "feature-flags was not written"
    product.start_run()
    product.open_next()
    WriteConfigurationOperator(task_id="write", environment="production").execute(product.context)
    name = f"projects/{PROJECT}/secrets/{product.secret}/versions/1"
    product.secrets.client.disable_secret_version(name=name)
    found = item(product, "production_configuration")
    assert found["reason"] == "feature-flags version 1, which serves now, is not enabled"


def test_what_has_no_evidence_is_not_fulfilled_and_fails_no_task(product: Product) -> None:
    product.open()
    reasons = {
        name: item(product, name)
        for name in ("validation_tests", "business_value", "staging_environment", "team_notified")
    }
    assert not any(found["passed"] for found in reasons.values())
    assert reasons["staging_environment"]["reason"] == "phase 1 ended with: nothing on record"
    assert reasons["team_notified"]["reason"].startswith("connection slipway_team: is not configured")
