"""Configuration is written once, compared with what runs, and leaves the way back open."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from slipway.exceptions import SecretUnavailable
from slipway.ledger.entries import ConfigurationChange, ConfigurationWritten, FlagsRolledBack
from slipway.operators.configuration import RollBackFlagsOperator, WriteConfigurationOperator
from slipway.operators.deploy import DeployRevisionsOperator

from tests.integration.slipway.hooks.web_service import PROJECT
from tests.integration.slipway.operators.conftest import Product
from tests.integration.slipway.operators.steps import DOCUMENT

pytestmark = pytest.mark.sandbox


def write() -> WriteConfigurationOperator:
    return WriteConfigurationOperator(task_id="write_configuration", environment="production")


def roll_back() -> RollBackFlagsOperator:
    return RollBackFlagsOperator(task_id="roll_back_feature_flags", environment="production")


def test_what_changes_is_on_record_and_the_version_that_serves_stays(product: Product) -> None:
    release = product.open()
    assert write().execute(product.context) == {DOCUMENT: 2}
    assert product.flags(2) == {"token_optimization": True}
    entry = product.ledger.get(release.release_id, ConfigurationWritten, environment="production")
    assert entry is not None
    assert (entry.versions, entry.serving) == ({DOCUMENT: 2}, {DOCUMENT: "1"})
    assert entry.changes == (
        ConfigurationChange(document=DOCUMENT, key="token_optimization", before="false", after="true"),
    )
    assert product.secrets.version_state(project_id=PROJECT, secret=product.secret, version=1) == "ENABLED"


def test_written_again_it_is_the_same_version(product: Product) -> None:
    product.open()
    assert write().execute(product.context) == write().execute(product.context) == {DOCUMENT: 2}
    assert product.secrets.newest_version(project_id=PROJECT, secret=product.secret) == 2


def test_nothing_is_written_when_what_serves_could_not_be_started_again(product: Product) -> None:
    product.open()
    name = f"projects/{PROJECT}/secrets/{product.secret}/versions/1"
    product.secrets.client.disable_secret_version(name=name)
    with pytest.raises(SecretUnavailable, match=rf"{product.secret} version 1: is DISABLED"):
        write().execute(product.context)
    assert product.secrets.newest_version(project_id=PROJECT, secret=product.secret) is None


def test_a_rollback_writes_the_prepared_flags(product: Product) -> None:
    release = product.open()
    with pytest.raises(AirflowSkipException, match="wrote no configuration"):
        roll_back().execute(product.context)
    write().execute(product.context)
    assert roll_back().execute(product.context) == {DOCUMENT: 3}
    assert product.flags(3) == product.flags("rollback") == {"token_optimization": False}
    entry = product.ledger.get(release.release_id, FlagsRolledBack, environment="production")
    assert entry is not None
    assert entry.serving_follows == {DOCUMENT: False}, "it was deployed without being told where they are"


def test_a_deployed_revision_is_told_where_its_flags_are_and_follows_a_rollback(product: Product) -> None:
    release = product.open()
    write().execute(product.context)
    deploy = DeployRevisionsOperator(task_id="deploy_revisions", environment="production")
    (revision,) = deploy.execute(product.context).values()
    (container,) = product.web.read().template.containers
    variables = {variable.name: variable.value for variable in container.env}
    assert variables["FEATURE_FLAGS_REFERENCE"] == f"projects/{PROJECT}/secrets/{product.secret}/versions/2"
    product.ledger.close(release.release_id, outcome="promoted", reason="the tests")
    product.stable = revision
    product.start_run()
    release = product.open()
    write().execute(product.context)
    roll_back().execute(product.context)
    entry = product.ledger.get(release.release_id, FlagsRolledBack, environment="production")
    assert entry is not None
    assert entry.serving_follows == {DOCUMENT: True}
