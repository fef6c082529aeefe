"""The alert rules: promtool's own unit tests, and their thresholds against the policy's."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.policy.release import Policy, load_policy

from sandbox.databases.prometheus import RULES, promtool
from sandbox.supervisor.settings import REPOSITORY

pytestmark = pytest.mark.sandbox
UNIT_TESTS = Path(__file__).parent / "alerts"
TOOL_SECONDS = 60


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert of the project by its name."""
    documents = [yaml.safe_load(path.read_text()) for path in sorted(RULES.glob("*.yaml"))]
    found = [rule for document in documents for group in document["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in found}) == len(found)
    return {rule["alert"]: rule for rule in found}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("release.yaml")


@pytest.mark.parametrize("path", sorted(UNIT_TESTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_rules_do_what_their_unit_tests_say(path: Path) -> None:
    done = subprocess.run(
        [promtool(), "test", "rules", path],
        capture_output=True,
        text=True,
        timeout=TOOL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested() -> None:
    tested = {
        case["alertname"]
        for path in UNIT_TESTS.glob("*.yaml")
        for group in yaml.safe_load(path.read_text())["tests"]
        for case in group["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert tested == set(alerts())


def limit(alert: str) -> float:
    """The number that a rule compares with, at its end."""
    found = re.search(r"(?:>|<=) ([\d.]+)\s*$", alerts()[alert]["expr"])
    assert found, alert
    return float(found.group(1))


def test_the_strategys_alerts_have_its_thresholds_and_severities(policy: Policy) -> None:
    rules = alerts()
    metrics: Mapping[str, Any] = policy.metrics
    wanted = {
        "token_optimization_failure_rate": (metrics["optimization_failure_alert"].target_percent / 100, 0.05),
        "cost_calculation_accuracy": (metrics["cost_accuracy"].trigger_percent / 100, 0.95),
        "websocket_event_latency": (metrics["websocket_event_latency"].trigger_seconds, 0.2),
        "user_session_isolation_breach": (0, 0),
    }
    for name, (of_policy, of_strategy) in wanted.items():
        assert limit(name) == pytest.approx(of_policy) == of_strategy, name
    assert {name: rules[name]["labels"]["severity"] for name in wanted} == {
        "token_optimization_failure_rate": "critical",
        "cost_calculation_accuracy": "critical",
        "websocket_event_latency": "warning",
        "user_session_isolation_breach": "critical",
    }


def test_the_rollback_triggers_are_the_policys(policy: Policy) -> None:
    metrics: Mapping[str, Any] = policy.metrics
    assert limit("error_rate") == metrics["error_rate"].trigger_percent / 100
    assert limit("latency_p95") == metrics["latency_p95"].trigger_seconds
    assert limit("optimization_success") == pytest.approx(
        1 - metrics["optimization_success"].trigger_percent / 100
    )
    assert limit("websocket_connection") == pytest.approx(
        1 - metrics["websocket_connection"].trigger_percent / 100
    )
    assert limit("websocket_event_delivery") == pytest.approx(
        1 - metrics["websocket_event_delivery"].trigger_percent / 100
    )


def test_the_rules_watch_the_services_of_the_policy(policy: Policy) -> None:
    names = {service.names["production"] for service in policy.services.values()}
    backend = policy.services[policy.progressive_service].names["production"]
    for name, rule in alerts().items():
        for operator, pattern in re.findall(r'service_name(=~?)"([^"]+)"', rule["expr"]):
            watched = {service for service in names if re.fullmatch(pattern, service)}
            assert watched == (names if operator == "=~" else {backend}), name


def test_no_signal_goes_blind_unseen() -> None:
    rules = alerts()
    for name in [name for name in rules if name in _STRATEGY]:
        assert f"{name}_no_data" in rules
    measured = {
        metric.removesuffix("_bucket")
        for name, rule in rules.items()
        if not name.endswith("_no_data") and name != "metrics_scrape_failed"
        for metric in re.findall(r"([a-z_:]+)\{", rule["expr"])
    }
    watched = {
        metric.removesuffix("_count")
        for name, rule in rules.items()
        if name.endswith("_no_data")
        for metric in re.findall(r"([a-z_:]+)\{", rule["expr"])
    }
    assert {metric.removesuffix("_count") for metric in measured} == watched


def test_every_alert_says_how_bad_it_is_and_where_to_read_on() -> None:
    headings = {
        line.lstrip("# ").strip().replace(" ", "-")
        for line in (REPOSITORY / "docs" / "alerts.md").read_text().splitlines()
        if line.startswith("## ")
    }
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert {"summary", "description", "runbook"} == set(rule["annotations"]), name
        page, _, section = rule["annotations"]["runbook"].partition("#")
        assert (page, section in headings) == ("docs/alerts.md", True), name


_STRATEGY = (
    "token_optimization_failure_rate",
    "cost_calculation_accuracy",
    "websocket_event_latency",
    "user_session_isolation_breach",
)
