"""Which services a restore switches, and how their database is named anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.exceptions import RequestRefused
from slipway.hooks.cloud_sql import SqlInstance
from slipway.ledger.ledger import Release
from slipway.policy.environment import DatabaseReference
from slipway.release.rollback.switching import Target, planned_switches, url_of

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

OLD = SqlInstance("netra-db", "RUNNABLE", "netra:us:netra-db", ("10.0.0.3", "34.1.2.3"))
NEW = Target(SqlInstance("netra-db-r1", "RUNNABLE", "netra:us:netra-db-r1", ("10.0.0.9",)), ("netra",))


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("postgresql://u:p%40@10.0.0.3:5432/netra?ssl=1", "postgresql://u:p%40@10.0.0.9:5432/netra?ssl=1"),
        ("postgresql://34.1.2.3/netra", "postgresql://10.0.0.9/netra"),
        ("postgresql://u:p@10.0.0.3/other", "postgresql://u:p@10.0.0.9/netra"),
        (
            "postgresql://u:p@/netra?host=/cloudsql/netra:us:netra-db",
            "postgresql://u:p@/netra?host=/cloudsql/netra:us:netra-db-r1",
        ),
        ("postgresql://u:p@10.0.0.4/netra", None),
        ("not a URL", None),
    ],
)
def test_the_url_names_the_restored_instance(payload: str, expected: str | None) -> None:
    assert url_of(payload, OLD, NEW) == expected


class World:
    """Cloud Run with one revision, and Secret Manager with one payload."""

    def __init__(self, payload: str = "postgresql://u:hunter2@10.0.0.3/netra", version: str = "4") -> None:
        self.payload, self.version = payload, version

    def get_revision(self, address: Any, revision: str) -> run_v2.Revision:
        selector = run_v2.SecretKeySelector(secret="prod-database-url", version=self.version)
        variables = [
            run_v2.EnvVar(name="DATABASE_URL", value_source=run_v2.EnvVarSource(secret_key_ref=selector)),
            run_v2.EnvVar(name="INSTANCE", value=OLD.connection_name),
        ]
        connected = run_v2.CloudSqlInstance(instances=[OLD.connection_name])
        return run_v2.Revision(
            name=f"{address.name}/revisions/{revision}",
            containers=[run_v2.Container(image="web:1", env=variables)],
            volumes=[run_v2.Volume(name="cloudsql", cloud_sql_instance=connected)],
        )

    def access(self, **_: Any) -> bytes:
        return self.payload.encode()


def planned(world: World, **reference: Any) -> Any:
    """Plan the switch of the backend, which finds its database so."""
    release: Any = found_by({"backend": DatabaseReference(**reference)} if reference else {})
    hooks: Any = world
    return planned_switches(release, OLD, hooks, hooks)


def found_by(references: dict[str, DatabaseReference]) -> Release:
    release = opened(FakeLedger())
    production = release.policy.environments["production"]
    database = release.policy.database("production").model_copy(update={"found_by": references})
    place = production.model_copy(update={"database": database})
    environments = {**release.policy.environments, "production": place}
    policy = release.policy.model_copy(update={"environments": environments})
    return replace(release, policy=policy)


def test_a_service_is_switched_in_each_way_that_the_policy_names() -> None:
    (one,) = planned(
        World(), secret_variable="DATABASE_URL", instance_variable="INSTANCE", cloud_sql_volume=True
    )
    assert str(one.secret) == "prod-database-url:4"
    assert one.revision.startswith("netra-backend-prod-restored-")
    words = (
        "a new version of the secret prod-database-url and the variable INSTANCE and the Cloud SQL connection"
    )
    assert one.described.endswith(words)


@pytest.mark.parametrize(
    ("world", "reference", "words"),
    [
        (World(), {}, "does not say how services find netra-production-db"),
        (World(), {"secret_variable": "DB"}, "mounts no secret as DB"),
        (World(version="latest"), {"secret_variable": "DATABASE_URL"}, "mounts DATABASE_URL as latest"),
        (
            World(payload="postgresql://u:hunter2@10.9.9.9/n"),
            {"secret_variable": "DATABASE_URL"},
            "names neither",
        ),
        (
            World(),
            {"instance_variable": "DATABASE_URL"},
            "its variable DATABASE_URL is not netra:us:netra-db",
        ),
    ],
)
def test_what_cannot_be_switched_is_refused_without_the_secret(
    world: World, reference: dict[str, str], words: str
) -> None:
    with pytest.raises(RequestRefused, match=words) as refused:
        planned(world, **reference)
    assert "hunter2" not in str(refused.value)


def test_a_reference_must_name_a_way() -> None:
    with pytest.raises(ValueError, match="must name secret_variable, instance_variable or cloud_sql_volume"):
        DatabaseReference()
