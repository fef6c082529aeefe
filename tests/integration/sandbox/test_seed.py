"""The world before the first release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from google.cloud import run_v2

from sandbox.databases import postgres
from sandbox.seed import clients
from sandbox.seed.environments import ENVIRONMENTS, Environment
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import Settings
from sandbox.users.identities import user_ids
from tests.own_sandbox import sandbox_command, unused_sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(500)]

PINNED = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
each_environment = pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda e: e.name)


@pytest.fixture(scope="module")
def world() -> Iterator[Settings]:
    """A sandbox that ``cloud-up`` started."""
    with unused_sandbox() as settings:
        started = sandbox_command(settings, "sandbox", "cloud-up")
        assert started.returncode == 0, started.stdout + started.stderr
        yield settings


@pytest.fixture(scope="module")
def services(world: Settings) -> Iterator[Any]:
    """The official client of the services."""
    client = clients.services(world)
    yield client
    client.transport.close()


@pytest.fixture(scope="module")
def secrets(world: Settings) -> Iterator[Any]:
    """The official client of the secrets."""
    client = clients.secret_manager(world)
    yield client
    client.transport.close()


def service(services: Any, environment: Environment, component: str) -> Any:
    return services.get_service(name=f"{environment.parent}/services/{environment.service(component)}")


@each_environment
def test_users_are_the_simulated_ones(world: Settings, environment: Environment) -> None:
    with psycopg.connect(postgres.uri(world, environment.database)) as connection:
        found = {row[0] for row in connection.execute("SELECT id FROM users")}
        rows = connection.execute("SELECT plan, count(*) FROM users GROUP BY plan")
        plans = {row[0]: row[1] for row in rows}
    assert found == set(user_ids())
    assert plans == {"free": 200, "pro": 100, "enterprise": 100}


@each_environment
@pytest.mark.parametrize(("component", "most"), [("backend", 100), ("auth", 50), ("frontend", 100)])
def test_services_run_the_old_version_pinned_by_name(
    services: Any, environment: Environment, component: str, most: int
) -> None:
    found = service(services, environment, component)
    (container,) = found.template.containers
    assert container.image.endswith(f"/netra/{component}:1.0.0")
    scaling = found.template.scaling
    assert (scaling.min_instance_count, scaling.max_instance_count) == (environment.min_instances, most)
    (target,) = found.traffic
    assert (target.type_, target.percent) == (PINNED, 100)
    assert target.revision == found.latest_ready_revision.rpartition("/")[2]


@each_environment
def test_backend_reads_pinned_secrets_and_does_not_optimize_yet(
    services: Any, environment: Environment
) -> None:
    (container,) = service(services, environment, "backend").template.containers
    plain = {variable.name: variable.value for variable in container.env if variable.value}
    assert plain == {"ENVIRONMENT": environment.name, "TOKEN_OPTIMIZATION_ENABLED": "false"}
    references = {
        variable.name: variable.value_source.secret_key_ref
        for variable in container.env
        if not variable.value
    }
    assert {name: reference.secret for name, reference in references.items()} == {
        "AUTH_SIGNING_KEY": f"{environment.secret_prefix}-auth-signing-key",
        "DATABASE_URL": f"{environment.secret_prefix}-database-url",
        "FEATURE_FLAGS": f"{environment.secret_prefix}-feature-flags",
        "PRICING_CONFIG": f"{environment.secret_prefix}-pricing-config",
        "TOKEN_CONFIG": f"{environment.secret_prefix}-token-optimization-config",
    }
    assert {reference.version for reference in references.values()} == {"1"}


@each_environment
def test_secrets_hold_the_product_s_configuration(
    world: Settings, secrets: Any, environment: Environment
) -> None:
    def read(name: str) -> str:
        path = f"projects/{environment.project}/secrets/{environment.secret(name)}/versions/1"
        return str(secrets.access_secret_version(name=path).payload.data.decode())

    assert json.loads(read("pricing-config"))["LLM_PRICING_GPT4_INPUT"] == "0.00003"
    assert json.loads(read("token-optimization-config"))["USER_BUDGET_DEFAULT_MONTHLY"] == "100.00"
    assert json.loads(read("feature-flags")) == {"token_optimization": True}
    assert read("database-url") == postgres.uri(world, environment.database)
    assert read("auth-signing-key") == credentials.load(world).auth_signing_key


def test_services_answer_at_the_addresses_written_down(world: Settings, services: Any) -> None:
    endpoints = json.loads((world.run / "endpoints.json").read_text())
    for environment in ENVIRONMENTS:
        for component, url in endpoints[environment.name].items():
            assert url == service(services, environment, component).uri
            assert httpx.get(f"{url}/health").status_code == 200


def test_seeding_again_changes_nothing(world: Settings, services: Any, secrets: Any) -> None:
    def state() -> list[Any]:
        made: list[Any] = [(world.run / "endpoints.json").read_text()]
        for environment in ENVIRONMENTS:
            made += [found.etag for found in services.list_services(parent=environment.parent)]
            for secret in secrets.list_secrets(parent=f"projects/{environment.project}"):
                made += [version.name for version in secrets.list_secret_versions(parent=secret.name)]
        return made

    before = state()
    again = sandbox_command(world, "sandbox.seed")
    assert again.returncode == 0, again.stderr
    assert state() == before


def test_no_secret_is_in_a_log(world: Settings) -> None:
    kept = credentials.load(world)
    text = "".join(path.read_text(errors="replace") for path in world.logs.rglob("*.log"))
    assert text
    for secret in (kept.postgres_password, kept.clickhouse_password, kept.auth_signing_key):
        assert secret not in text
