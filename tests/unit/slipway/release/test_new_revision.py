"""A new revision is made of what serves and the policy; what differs is named, without secrets."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import run_v2
from slipway.exceptions import ReleaseConflict
from slipway.hooks.cloud_run.template import digest
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.new_revision import (
    Base,
    base_of,
    changes_between,
    compared,
    configured_versions,
    made_of,
)

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

VERSIONS = {"token-optimization-config": 4, "pricing-config": 5, "feature-flags": 6}


def policy(**env: str) -> Policy:
    document = load_policy("release.yaml").model_dump(mode="json")
    document["services"]["backend"]["env"] = env
    return parse_policy(document, source="of the test")


def serving(**env: str) -> run_v2.Revision:
    variables = [run_v2.EnvVar(name=name, value=value) for name, value in env.items()]
    return run_v2.Revision(
        name="projects/p/locations/l/services/netra-backend-prod/revisions/netra-backend-prod-old",
        containers=[run_v2.Container(image="r/backend:1", env=variables)],
    )


class CloudRun:
    """Cloud Run with one revision."""

    def __init__(self, revision: run_v2.Revision) -> None:
        self.revision = revision

    def get_revision(self, address: Any, revision: str) -> run_v2.Revision:
        assert str(self.revision.name).endswith(f"{address.service}/revisions/{revision}")
        return self.revision


def test_production_is_built_on_the_recorded_rollback_target() -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    cloud_run: Any = CloudRun(serving())
    base = base_of(release, "production", "backend", cloud_run, ledger)
    assert (base.name, base.policy) == ("netra-backend-prod-old", None)
    made = made_of(release, "production", "backend", base, VERSIONS)
    assert made["base"] == "netra-backend-prod-old"
    assert str(made["secrets"]["FEATURE_FLAGS"]) == "prod-feature-flags:6"
    assert made["env"]["FEATURE_FLAGS_REFERENCE"].endswith("/prod-feature-flags/versions/6")


def test_a_variable_that_the_policy_no_longer_sets_is_managed_all_the_same() -> None:
    ledger = FakeLedger()
    before = opened(ledger, "before", policy(MODE="fast", COLOUR="blue"))
    ledger.close(before.release_id, outcome="promoted", reason="every phase was promoted")
    release = opened(ledger, "now", policy(COLOUR="red"))
    revision = serving(MODE="fast", COLOUR="blue", BY_HAND="1")
    revision.labels["slipway-release"] = before.release_id
    cloud_run: Any = CloudRun(revision)
    base = base_of(release, "production", "backend", cloud_run, ledger)
    made = made_of(release, "production", "backend", base, VERSIONS)
    assert {"MODE", "COLOUR", "FEATURE_FLAGS", "FEATURE_FLAGS_REFERENCE"} <= made["managed"]
    assert "BY_HAND" not in made["managed"], "the serving revision's own stays"


def test_every_difference_is_named_and_only_a_policys_value_is_shown() -> None:
    base = Base(serving(MODE="fast", KEY="sesame", COLOUR="blue"), policy(MODE="fast"))
    after = run_v2.RevisionTemplate(
        labels={"slipway-release": "r"},
        containers=[
            run_v2.Container(
                image="r/backend:2",
                env=[
                    run_v2.EnvVar(name="MODE", value="slow"),
                    run_v2.EnvVar(name="KEY", value="mellon"),
                    run_v2.EnvVar(name="COLOUR", value="blue"),
                ],
            )
        ],
    )
    assert [str(change) for change in changes_between(base, after, policy(MODE="slow"), "backend")] == [
        f"env KEY {digest('sesame')} -> {digest('mellon')}",
        "env MODE fast -> slow",
        "image r/backend:1 -> r/backend:2",
    ]


def test_the_first_revision_differs_in_everything() -> None:
    after = run_v2.RevisionTemplate(containers=[run_v2.Container(image="r/backend:2")])
    (change,) = changes_between(Base(None, None), after, policy(), "backend")
    assert str(change) == "image absent -> r/backend:2"
    assert compared({"a": "1"}, {}, {})[0].after is None


def test_without_documents_a_revision_needs_no_configuration_on_record() -> None:
    document = load_policy("release.yaml").model_dump(mode="json")
    document["configuration"] = {}
    document["services"]["backend"]["secrets"] = {}
    document["staging_validation"]["documents"] = {}
    ledger = FakeLedger()
    release = opened(ledger, "now", parse_policy(document, source="of the test"))
    assert configured_versions(release, "production", ledger) == {}


def test_documents_that_are_not_written_yet_refuse_a_revision() -> None:
    ledger = FakeLedger()
    with pytest.raises(ReleaseConflict, match="no configuration of production on record"):
        configured_versions(opened(ledger), "production", ledger)
