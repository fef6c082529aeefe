"""The dashboards are what Grafana reads, and have every panel that the strategy names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from slipway.kpi.targets.policy import load_targets
from slipway.policy.release import load_policy
from slipway.sql import SQL_DIRECTORY

from sandbox.supervisor.settings import REPOSITORY
from tests.grafana_panels import CLICKHOUSE, DASHBOARDS, GRAFANA, PROMETHEUS, dashboard, panels, queries

# The strategy's dashboards and what it lists for each: the headings of ours.
STRATEGY = {
    "business-metrics": [
        "Cost savings per user",
        "Total monthly cost reduction",
        "User engagement with cost features",
        "Free-to-paid conversion tracking",
    ],
    "technical-performance": [
        "Token optimization success rate",
        "Cost calculation accuracy",
        "WebSocket event delivery metrics",
        "Session isolation effectiveness",
    ],
    "revenue-impact": [
        "Customer cost savings realized",
        "Platform value capture",
        "Upsell opportunities identified",
        "Churn prevention from cost visibility",
    ],
}


def lost(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """What Grafana's own types did not take over from a document."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from lost(value, kept[key], f"{path}.{key}")
            elif value is not None:
                yield f"{path}.{key}"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for index, pair in enumerate(zip(given, kept, strict=True)):
            yield from lost(*pair, f"{path}[{index}]")
    elif given != kept:
        yield f"{path}: {given} became {kept}"


def through_grafanas_types(document: dict[str, Any]) -> Any:
    return json.loads(JSONEncoder().encode(Dashboard.from_json(document)))


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafanas_own_types_take_over_everything(path: Path) -> None:
    document = dashboard(path)
    assert list(lost(document, through_grafanas_types(document))) == []
    document["panels"][1]["feildConfig"] = {}
    assert list(lost(document, through_grafanas_types(document))) == [".panels[1].feildConfig"]


def test_the_three_dashboards_have_what_the_strategy_lists() -> None:
    assert {path.stem for path in DASHBOARDS} == set(STRATEGY)
    for path in DASHBOARDS:
        sections: dict[str, int] = {}
        for panel in dashboard(path)["panels"]:
            if panel["type"] == "row":
                sections[panel["title"]] = 0
            else:
                sections[next(reversed(sections))] += 1
        assert list(sections)[:4] == STRATEGY[path.stem]
        assert all(count > 0 for count in sections.values()), path.stem


def test_every_panel_is_complete_and_alone_in_its_place() -> None:
    uids = [dashboard(path)["uid"] for path in DASHBOARDS]
    assert len(set(uids)) == len(uids)
    for path in DASHBOARDS:
        ids = [panel["id"] for panel in dashboard(path)["panels"]]
        assert len(set(ids)) == len(ids)
        taken: set[tuple[int, int]] = set()
        for panel in dashboard(path)["panels"]:
            box = panel["gridPos"]
            assert box["x"] + box["w"] <= 24, panel["title"]
            cells = {
                (x, y)
                for x in range(box["x"], box["x"] + box["w"])
                for y in range(box["y"], box["y"] + box["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells
        for panel in panels(path):
            assert len(panel["description"]) > 20, panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["targets"], panel["title"]


def test_every_data_source_is_provisioned() -> None:
    document = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "slipway.yaml").read_text())
    provisioned = {source["uid"]: source["type"] for source in document["datasources"]}
    assert set(provisioned) == {CLICKHOUSE, PROMETHEUS}
    for path in DASHBOARDS:
        for panel in panels(path):
            for used in [panel["datasource"], *(target["datasource"] for target in panel["targets"])]:
                assert provisioned[used["uid"]] == used["type"], panel["title"]


def test_every_panel_is_of_the_chosen_product() -> None:
    for name, _, target in queries(CLICKHOUSE):
        tables = len(re.findall(r"\bFROM \w", target["rawSql"]))
        assert target["rawSql"].count("product = ${product:sqlstring}") == tables, name
    for name, panel, target in queries(PROMETHEUS):
        # Rules without a service fire for all products: each alert names what it is about.
        chosen = target["expr"].count('project_id=~"$project",service_name="$service"')
        assert panel["title"] == "Alerts" or target["expr"].count("{") == chosen, name


def test_whoever_looks_chooses_the_project_and_all_are_chosen_at_first() -> None:
    asked = [path for path in DASHBOARDS if "$project" in path.read_text()]
    assert [path.stem for path in asked] == ["business-metrics", "technical-performance"]
    for path in asked:
        (variable,) = [each for each in dashboard(path)["templating"]["list"] if each["name"] == "project"]
        assert variable["query"] == 'label_values({service_name="$service"}, project_id)'
        assert variable["datasource"]["uid"] == PROMETHEUS
        assert (variable["includeAll"], variable["allValue"]) == (True, ".*")
        # A series without the label is matched by it too.
        assert variable["current"]["value"] == "$__all"


def test_no_panel_shows_the_requests_of_a_release_among_those_of_users() -> None:
    told_apart = [target["expr"] for _, _, target in queries(PROMETHEUS) if "http_request" in target["expr"]]
    assert told_apart
    assert [text for text in told_apart if 'synthetic!="true"' not in text] == []


def test_compose_mounts_what_provisioning_reads() -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())["services"]
    mounts = dict(volume.split(":")[:2] for volume in compose["grafana"]["volumes"])
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "slipway.yaml").read_text())
    assert mounts["./include/monitoring/grafana/dashboards"] == provider["providers"][0]["options"]["path"]
    assert mounts["./include/monitoring/grafana/provisioning"] == "/etc/grafana/provisioning"
    text = (GRAFANA / "provisioning" / "datasources" / "slipway.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+)\}", text)) <= set(compose["grafana"]["environment"])
    rules = dict(volume.split(":")[:2] for volume in compose["prometheus"]["volumes"])
    configuration = yaml.safe_load((REPOSITORY / "include/monitoring/prometheus.yml").read_text())
    assert configuration["rule_files"] == [f"{rules['./include/monitoring/prometheus']}/*.yaml"]


def test_every_kpi_that_is_shown_is_defined() -> None:
    defined = {
        match[1]
        for path in (SQL_DIRECTORY / "kpi").rglob("*.sql")
        if (match := re.match(r"-- kpi: (\w+)", path.read_text()))
    }
    shown = {
        name
        for _, _, target in queries(CLICKHOUSE)
        for name in re.findall(r"kpi = '(\w+)'", target["rawSql"])
    }
    assert shown - defined == set()
    assert {target.kpi for h in load_targets().horizons.values() for target in h.targets.values()} - {
        None
    } <= defined


def lines(title: str) -> list[float]:
    """The target lines of a panel."""
    (panel,) = [panel for path in DASHBOARDS for panel in panels(path) if panel["title"] == title]
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] == "timeseries":
        assert defaults["custom"]["thresholdsStyle"]["mode"] == "line", title
    return [step["value"] for step in defaults["thresholds"]["steps"] if step["value"] is not None]


def test_target_lines_are_the_policys_targets() -> None:
    horizons = load_targets().horizons
    week, month, quarter, year = (horizons[key].targets for key in horizons)
    assert lines("Users of cost tracking, 7 days") == [week["cost_tracking_users"].at_least]
    assert lines("Total monthly cost reduction") == [month["savings"].at_least]
    assert lines("Satisfaction with cost visibility") == [month["satisfaction"].at_least]
    assert lines("Sessions with cost optimization") == [month["sessions_with_cost_features"].at_least]
    assert lines("ARR attributable to cost features") == [quarter["attributable_arr"].at_least]
    assert lines("Free-to-paid conversion") == [year["conversion"].at_least]
    band = [year["cost_reduction"].at_least, year["cost_reduction"].at_most]
    assert lines("Cost reduction") == lines("Cost reduction by plan") == band
    assert lines("Customer savings, all days") == [
        month["savings"].at_least,
        quarter["savings"].at_least,
        year["savings"].at_least,
    ]


def test_technical_lines_are_the_release_policys_limits() -> None:
    metrics: Mapping[str, Any] = load_policy("release.yaml").metrics
    errors, latency = metrics["error_rate"], metrics["latency_p95"]
    assert lines("Error rate now") == [errors.target_percent, errors.trigger_percent]
    assert lines("Latency P95 now") == [latency.target_seconds, latency.trigger_seconds]
    success = [
        metrics["optimization_success"].trigger_percent,
        100 - metrics["optimization_failure_alert"].target_percent,
    ]
    assert lines("Optimization success now") == lines("Optimization success by day") == success
    accuracy = [metrics["cost_accuracy"].target_percent]
    assert lines("Cost calculation accuracy now") == lines("Cost accuracy by day") == accuracy
    events = metrics["websocket_event_latency"].target_seconds
    assert lines("WebSocket event latency P95 now") == [events]
    assert lines("WebSocket latency P95 by day") == [1000 * events]
    sockets = metrics["websocket_connection"]
    assert lines("WebSocket connection success now") == [sockets.trigger_percent, sockets.target_percent]
    assert lines("Isolation breaches in the last hour") == [1]
