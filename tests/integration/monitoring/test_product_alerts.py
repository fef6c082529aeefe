"""The alerts that are made from a policy: a second product has its own, and no other's series raise them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.__main__ import main

from sandbox.databases.prometheus import promtool
from tests.servers import TOOL_SECONDS

pytestmark = pytest.mark.sandbox
RATES = "exchange-rates"


def requests(service: str, code: int, per_step: int, project: str = "sandbox-production") -> dict[str, str]:
    labels = {
        "monitored_resource": "cloud_run_revision",
        "project_id": project,
        "location": "us-central1",
        "service_name": service,
        "revision_name": f"{service}-2",
        "response_code": code,
    }
    written = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return {"series": f"run_googleapis_com:request_count{{{written}}}", "values": f"0+{per_step}x60"}


def promtool_run(*arguments: str | Path) -> None:
    done = subprocess.run(
        [promtool(), *arguments], capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def rules(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of both products' rules, as the command prints them."""
    monkeypatch.setenv("SLIPWAY_REGISTRY_PORT", "5000")
    for policy in ("sandbox.yaml", "sandbox-rates.yaml"):
        assert main(["alert-rules", policy]) == 0
        (tmp_path / policy).write_text(capsys.readouterr().out)
    return tmp_path


def test_every_metric_of_a_policy_has_rules_that_prometheus_takes(rules: Path) -> None:
    promtool_run("check", "rules", *sorted(rules.glob("*.yaml")))
    (group,) = yaml.safe_load((rules / "sandbox.yaml").read_text())["groups"]
    alerts = {rule["alert"]: rule for rule in group["rules"]}
    assert {"error_rate", "cost_reduction", "memory", "session_isolation"} < set(alerts)
    assert len([name for name in alerts if name.endswith("_no_data")]) * 2 == len(alerts)
    assert "websocket_events_total{" in alerts["websocket_event_delivery"]["expr"]
    assert alerts["websocket_event_delivery"]["expr"].endswith(" > 0.05")
    assert alerts["latency_p95"]["expr"].endswith(" > 2")


def test_a_product_is_alerted_of_its_own_service_alone(rules: Path) -> None:
    bad_elsewhere = [
        requests("netra-backend-prod", 500, 50),
        requests("netra-backend-prod", 200, 50),
        requests(RATES, 500, 50, project="another-production"),
        requests(RATES, 200, 50, project="another-production"),
    ]

    def case(own_errors: int, alerts: list[dict[str, Any]]) -> dict[str, Any]:
        own = [requests(RATES, 500, own_errors), requests(RATES, 200, 100 - own_errors)]
        return {
            "interval": "15s",
            "input_series": [*bad_elsewhere, *own],
            "alert_rule_test": [
                {"eval_time": "10m", "alertname": "error_rate", "exp_alerts": alerts},
                {"eval_time": "10m", "alertname": "error_rate_no_data", "exp_alerts": []},
            ],
        }

    labels = {"product": RATES, "severity": "critical", "action": "rollback"}
    raised = {
        "exp_labels": labels | {"service_name": RATES, "revision_name": f"{RATES}-2"},
        "exp_annotations": {
            "summary": f"{RATES}-2: Error rate: 5% of requests are bad",
            "description": f"Past the limit of metrics.error_rate in the policy of {RATES}.",
            "runbook": "docs/alerts.md#rollback-triggers",
        },
    }
    file = rules / "test.yml"
    tests = {
        "rule_files": ["sandbox-rates.yaml"],
        "evaluation_interval": "15s",
        "tests": [case(0, []), case(5, [raised])],
    }
    file.write_text(yaml.safe_dump(tests))
    promtool_run("test", "rules", file)
