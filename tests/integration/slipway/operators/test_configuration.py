"""Configuration is written once, compared with what runs, and leaves the way back open."""

from __future__ import annotations

import json

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from slipway.exceptions import SecretUnavailable
from slipway.hooks.secret_version import SecretVersion
from slipway.ledger.entries import (
    ConfigurationChange,
    ConfigurationWritten,
    FlagsRolledBack,
    ReleaseOpened,
    ServedDocument,
)
from slipway.operators.configuration import RollBackFlagsOperator, WriteConfigurationOperator
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.preflight import OpenReleaseOperator
from slipway.release.configuration import ROLLBACK_ALIAS

from tests.integration.slipway.hooks.web_service import PROJECT, SECONDS
from tests.integration.slipway.operators.conftest import Product
from tests.integration.slipway.operators.steps import DOCUMENT, Steps

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
    assert product.secrets.newest_version(project_id=PROJECT, secret=product.secret) == 1


def switch(product: Product, *, on: bool) -> int:
    """Switch the flag for everybody, as docs/configuration.md says."""
    version = product.secrets.add_version(
        project_id=PROJECT, secret=product.secret, data=json.dumps({"token_optimization": on}).encode()
    )
    product.secrets.point_alias(
        project_id=PROJECT, secret=product.secret, alias=ROLLBACK_ALIAS, version=version
    )
    return version


def rolled_back(product: Product) -> FlagsRolledBack:
    roll_back().execute(product.context)
    release_id = product.plan()[0].release_id
    entry = product.ledger.get(release_id, FlagsRolledBack, environment="production")
    assert entry is not None
    return entry


def test_a_rollback_leaves_the_flags_as_they_were_when_the_release_began(product: Product) -> None:
    steps = Steps(product)
    steps.run(OpenReleaseOperator(task_id="open_release", validated=steps.validated))
    with pytest.raises(AirflowSkipException, match="wrote no configuration"):
        roll_back().execute(product.context)
    write().execute(product.context)
    entry = rolled_back(product)
    assert (entry.versions, entry.changes, entry.switched_off) == ({DOCUMENT: 1}, (), ())
    assert product.secrets.aliases(project_id=PROJECT, secret=product.secret) == {}
    assert entry.serving_follows == {DOCUMENT: False}, "it was deployed without being told where they are"


def promoted(product: Product) -> None:
    """Let the next revision, which knows where its flags are, be the one that serves."""
    release = product.open()
    write().execute(product.context)
    deploy = DeployRevisionsOperator(task_id="deploy_revisions", environment="production")
    (revision,) = deploy.execute(product.context).values()
    product.web.hook.set_traffic(product.web.address, split={revision: 100}, timeout=SECONDS)
    product.web.hook.free_lease(product.web.address, release.release_id, timeout=SECONDS)
    product.ledger.close(release.release_id, outcome="promoted", reason="the tests")
    product.stable = revision
    product.start_run()


def test_a_deployed_revision_is_told_where_its_flags_are_and_the_alias_in_force_counts(
    product: Product,
) -> None:
    promoted(product)
    made = product.web.hook.get_revision(product.web.address, product.stable)
    variables = {variable.name: variable.value for variable in made.containers[0].env}
    assert variables["FEATURE_FLAGS_REFERENCE"] == f"projects/{PROJECT}/secrets/{product.secret}/versions/2"
    assert switch(product, on=False) == 3
    steps = Steps(product)
    steps.run(OpenReleaseOperator(task_id="open_release", validated=steps.validated))
    assert steps.entry(ReleaseOpened).configuration == {DOCUMENT: ServedDocument(mounted="2", in_force="3")}
    assert write().execute(product.context) == {DOCUMENT: 4}
    written = steps.entry(ConfigurationWritten, environment="production")
    assert written.serving == {DOCUMENT: "3"}
    assert [(change.before, change.after) for change in written.changes] == [("false", "true")]
    entry = rolled_back(product)
    assert (entry.versions, entry.switched_off) == ({DOCUMENT: 3}, ()), "it was off when the release began"
    assert product.flags(ROLLBACK_ALIAS) == {"token_optimization": False}
    assert entry.serving_follows == {DOCUMENT: True}


def test_flags_switched_by_hand_during_the_release_go_back(product: Product) -> None:
    promoted(product)
    steps = Steps(product)
    steps.run(OpenReleaseOperator(task_id="open_release", validated=steps.validated))
    with pytest.raises(AirflowSkipException, match="no setting of production changes"):
        write().execute(product.context)
    off = switch(product, on=False)
    entry = rolled_back(product)
    assert entry.versions == {DOCUMENT: off + 1}, "the product follows a newer version only"
    assert product.flags(ROLLBACK_ALIAS) == {"token_optimization": True}
    assert [(change.before, change.after) for change in entry.changes] == [("false", "true")]
    assert roll_back().execute(product.context) == entry.versions


def test_a_feature_that_the_release_brought_is_switched_off(product: Product) -> None:
    bare = product.secrets.add_version(project_id=PROJECT, secret=product.secret, data=b"{}")
    product.web.deploy("bare", secrets={"FEATURE_FLAGS": SecretVersion(product.secret, str(bare))})
    product.web.shift({"bare": 100})
    product.stable = product.web.name("bare")
    steps = Steps(product)
    steps.run(OpenReleaseOperator(task_id="open_release", validated=steps.validated))
    write().execute(product.context)
    entry = rolled_back(product)
    assert entry.switched_off == (f"{DOCUMENT} token_optimization",)
    assert product.flags(ROLLBACK_ALIAS) == {"token_optimization": False}
