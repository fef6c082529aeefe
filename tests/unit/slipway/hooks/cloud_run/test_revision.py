"""The template of the next revision, and what an existing one is made of."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import run_v2
from slipway.hooks.cloud_run.revision import (
    Readiness,
    RevisionSpec,
    differences,
    image_digest,
    image_of,
    next_template,
    readiness,
    secrets_of,
)
from slipway.hooks.secret_version import SecretVersion

SERVICE = "projects/p/locations/l/services/web"
IMAGE = "registry.example/web@sha256:" + "a" * 64
State = run_v2.Condition.State


def spec(**changes: Any) -> RevisionSpec:
    wanted: dict[str, Any] = {
        "revision": "web-r2",
        "image": IMAGE,
        "env": {"COLOUR": "blue"},
        "secrets": {"CONFIG": SecretVersion("config", "4")},
        "min_instances": 2,
        "max_instances": 10,
        "labels": {"release": "r2"},
    }
    return RevisionSpec(**{**wanted, **changes})


def secret(name: str, key: str, version: str) -> run_v2.EnvVar:
    selector = run_v2.SecretKeySelector(secret=key, version=version)
    return run_v2.EnvVar(name=name, value_source=run_v2.EnvVarSource(secret_key_ref=selector))


def revision(*env: run_v2.EnvVar, image: str = IMAGE, **fields: Any) -> run_v2.Revision:
    return run_v2.Revision(containers=[run_v2.Container(image=image, env=env)], **fields)


def test_a_cloud_sql_connection_is_replaced_and_other_volumes_stay() -> None:
    secret_volume = run_v2.Volume(name="s", secret=run_v2.SecretVolumeSource(secret="config"))
    connected = run_v2.CloudSqlInstance(instances=["p:r:old", "p:r:other"])
    sql = run_v2.Volume(name="cloudsql", cloud_sql_instance=connected)
    made = spec(sql_instances={"p:r:old": "p:r:new"})
    template = next_template(run_v2.RevisionTemplate(volumes=[secret_volume, sql]), made)
    assert template.volumes[0] == secret_volume
    assert list(template.volumes[1].cloud_sql_instance.instances) == ["p:r:new", "p:r:other"]
    was = revision(volumes=[secret_volume, sql])
    assert "Cloud SQL instance p:r:old, not absent" in differences(was, made)


def test_the_next_template_lays_the_release_over_what_is_there() -> None:
    sidecar = run_v2.Container(name="proxy", image="proxy:1")
    ingress = run_v2.Container(
        image="registry.example/web:1",
        ports=[run_v2.ContainerPort(container_port=8080)],
        env=[
            run_v2.EnvVar(name="KEPT", value="yes"),
            run_v2.EnvVar(name="COLOUR", value="red"),
            secret("CONFIG", "config", "3"),
            secret("DATABASE", "database", "1"),
        ],
    )
    current = run_v2.RevisionTemplate(
        revision="web-r1", labels={"team": "web"}, service_account="sa", containers=[sidecar, ingress]
    )
    template = next_template(current, spec())
    assert template.revision == "web-r2"
    assert dict(template.labels) == {"team": "web", "release": "r2"}
    assert template.service_account == "sa"
    assert (template.scaling.min_instance_count, template.scaling.max_instance_count) == (2, 10)
    assert template.containers[0].image == "proxy:1"
    container = template.containers[1]
    assert container.image == IMAGE
    assert {v.name: v.value for v in container.env if v.value} == {"KEPT": "yes", "COLOUR": "blue"}
    assert secrets_of(run_v2.Revision(containers=[container])) == {
        "CONFIG": "config:4",
        "DATABASE": "database:1",
    }
    assert current.revision == "web-r1"
    assert current.containers[1].env[1].value == "red", "the template read must stay as it was"


def test_a_managed_variable_that_the_release_does_not_set_is_gone() -> None:
    current = run_v2.RevisionTemplate(
        containers=[
            run_v2.Container(
                env=[run_v2.EnvVar(name="OLD", value="1"), run_v2.EnvVar(name="KEPT", value="yes")]
            )
        ]
    )
    (container,) = next_template(current, spec(managed=frozenset({"OLD", "COLOUR"}))).containers
    assert {v.name for v in container.env} == {"KEPT", "COLOUR", "CONFIG"}
    stale = revision(*container.env, run_v2.EnvVar(name="OLD", value="1"))
    assert differences(stale, spec(managed=frozenset({"OLD", "COLOUR"}))) == ["env OLD, not absent"]


def test_a_variable_can_change_from_plain_value_to_secret() -> None:
    current = run_v2.RevisionTemplate(
        containers=[run_v2.Container(env=[run_v2.EnvVar(name="CONFIG", value="inline")])]
    )
    (container,) = next_template(current, spec()).containers
    assert [v.name for v in container.env] == ["COLOUR", "CONFIG"]
    assert "value_source" in container.env[1]


def test_the_first_template_of_a_service_is_made_from_nothing() -> None:
    (container,) = next_template(run_v2.RevisionTemplate(), spec()).containers
    assert container.image == IMAGE
    assert len(container.env) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"env": {"CONFIG": "x"}}, "CONFIG in both env and secrets"),
        ({"min_instances": 11}, "min_instances=11"),
        ({"min_instances": -1}, "min_instances=-1"),
        ({"min_instances": 0, "max_instances": 0}, "max_instances=0"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        spec(**changes)


@pytest.mark.parametrize("version", ["latest", "0", "-1", "", "1.0", "²"])
def test_a_secret_must_be_pinned_by_number(version: str) -> None:
    with pytest.raises(ValueError, match="must be a number from 1"):
        SecretVersion("config", version)


def test_differences_name_what_differs_and_no_value() -> None:
    same = revision(run_v2.EnvVar(name="COLOUR", value="blue"), secret("CONFIG", "config", "4"))
    assert differences(same, spec()) == []
    other = revision(
        run_v2.EnvVar(name="COLOUR", value="red"), secret("CONFIG", "config", "3"), image="web:1"
    )
    found = differences(other, spec())
    assert found == [
        f"image web:1, not {IMAGE}",
        "env COLOUR",
        "secret CONFIG=config:3, not config:4",
    ]
    assert differences(revision(), spec())[1] == "secret CONFIG=absent, not config:4"


def test_image_and_digest_of_a_revision() -> None:
    assert image_of(revision()) == IMAGE
    assert image_digest(revision()) == "sha256:" + "a" * 64
    assert image_digest(revision(image="web:1")) is None


def condition(state: int, message: str = "", type_: str = "Ready") -> run_v2.Condition:
    return run_v2.Condition(type_=type_, state=state, message=message)


@pytest.mark.parametrize(
    ("found", "service", "expected"),
    [
        (
            revision(conditions=[condition(State.CONDITION_SUCCEEDED)]),
            run_v2.Service(terminal_condition=condition(State.CONDITION_FAILED, "another revision's")),
            Readiness("ready"),
        ),
        (
            revision(conditions=[condition(State.CONDITION_FAILED, "exit code 1")]),
            run_v2.Service(),
            Readiness("failed", "exit code 1"),
        ),
        (
            revision(),
            run_v2.Service(
                latest_created_revision=f"{SERVICE}/revisions/web-r2",
                terminal_condition=condition(State.CONDITION_FAILED, "no such image"),
            ),
            Readiness("failed", "no such image"),
        ),
        (
            revision(),
            run_v2.Service(latest_ready_revision=f"{SERVICE}/revisions/web-r2"),
            Readiness("ready"),
        ),
        (
            revision(conditions=[condition(State.CONDITION_RECONCILING, "starting", "ContainerHealthy")]),
            run_v2.Service(
                latest_created_revision=f"{SERVICE}/revisions/web-r3",
                terminal_condition=condition(State.CONDITION_FAILED, "another revision's"),
            ),
            Readiness("pending", "starting"),
        ),
        (None, run_v2.Service(), Readiness("pending")),
    ],
    ids=["own-ready", "own-failed", "service-failed", "service-ready", "pending", "absent"],
)
def test_readiness(found: run_v2.Revision | None, service: run_v2.Service, expected: Readiness) -> None:
    assert readiness(found, service, "web-r2") == expected
