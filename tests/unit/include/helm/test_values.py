"""The values for Airflow's official Helm chart, held to the chart, the image and the product."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[4]
VALUES: dict[str, Any] = yaml.safe_load((REPOSITORY / "include" / "helm" / "values.yaml").read_text())
CHART = yaml.safe_load((Path(__file__).parent / "chart_values.yaml").read_text())
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
PAGE = (REPOSITORY / "docs" / "deploy.md").read_text()
ENVIRONMENT = {variable["name"]: variable["value"] for variable in VALUES["env"]}


def test_the_chart_has_every_value_with_its_type() -> None:
    jsonschema.validate(VALUES, CHART)


@pytest.mark.parametrize(
    "wrong",
    [{"executer": "LocalExecutor"}, {"triggerer": {"replica": 1}}, {"executor": "SequentialExecutor"}],
)
def test_a_value_that_the_chart_does_not_have_is_found(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**VALUES, **wrong}, CHART)


def test_it_is_the_airflow_that_is_pinned_in_the_home_of_the_image() -> None:
    pinned = re.search(r"^apache-airflow==(\S+)", (REPOSITORY / "requirements.in").read_text(), re.MULTILINE)
    assert pinned is not None
    assert VALUES["airflowVersion"] == pinned[1]
    assert f"AIRFLOW_HOME={VALUES['airflowHome']} " in DOCKERFILE


def test_the_image_has_what_the_charts_commands_and_probes_call() -> None:
    # They begin with a program, and the probes with /entrypoint; the script of the log groomers is Airflow's.
    assert "ln --symbolic /usr/bin/tini /entrypoint" in DOCKERFILE
    assert 'ENTRYPOINT ["/entrypoint", "--"]' in DOCKERFILE
    for component in ("scheduler", "workers", "triggerer", "dagProcessor"):
        assert VALUES[component]["logGroomerSidecar"] == {"enabled": False}, component


def test_no_secret_is_in_the_values_and_each_secret_is_on_the_page() -> None:
    text = (REPOSITORY / "include" / "helm" / "values.yaml").read_text()
    named = set(re.findall(r"ecretName: ([a-z-]+)", text))
    assert named == {
        "slipway",
        "slipway-airflow-database",
        "slipway-celery-broker",
        "slipway-fernet-key",
        "slipway-api-secret-key",
        "slipway-jwt-secret",
    }
    assert {name for name in named if f"| `{name}` |" in PAGE} == named
    secret = re.compile("PASSWORD$|SECRET_KEY|FERNET|SQL_ALCHEMY_CONN|AIRFLOW_CONN")
    assert [name for name in ENVIRONMENT if secret.search(name)] == []
    (mount,) = VALUES["volumeMounts"]
    assert mount["readOnly"] is True
    assert mount["mountPath"] in ENVIRONMENT["AIRFLOW__SECRETS__BACKEND_KWARGS"]


def test_every_variable_of_the_product_is_a_documented_one_and_shared_folders_are_on_the_shared_volume() -> (
    None
):
    ours = {name for name in ENVIRONMENT if name.startswith("SLIPWAY_")}
    assert {name for name in ours if f"| `{name}` |" in PAGE} == ours
    assert VALUES["logs"]["persistence"]["enabled"] is True
    for name in ("SLIPWAY_ROLLBACK_RECORDS", "SLIPWAY_DATA_DOCS"):
        assert ENVIRONMENT[name].startswith(f"{VALUES['airflowHome']}/logs/")


def test_the_ledger_is_migrated_with_airflow_and_a_triggerer_runs() -> None:
    assert "python -m slipway migrate-ledger" in VALUES["migrateDatabaseJob"]["args"][-1].splitlines()
    assert VALUES["triggerer"]["replicas"] >= 1
    for component in ("scheduler", "workers"):
        assert VALUES[component]["terminationGracePeriodSeconds"] == 300
