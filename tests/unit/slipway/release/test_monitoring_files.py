"""Dashboards are read from their files; what is none is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from slipway.exceptions import PolicyError
from slipway.release.monitoring_files import read_alerts, read_dashboards


def test_panels_with_a_query_are_counted_in_folded_rows_too(tmp_path: Path) -> None:
    query = {"targets": [{"expr": "up"}]}
    panels = [{"type": "text"}, query, {"type": "row", "panels": [query]}]
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "costs.json").write_text(json.dumps({"title": "Costs", "panels": panels}))
    (tmp_path / "empty.json").write_text(json.dumps({"title": "Empty", "panels": []}))
    found = read_dashboards(tmp_path)
    assert found.panels == {"Costs": 2, "Empty": 0}
    assert found.broken == ()


def test_what_is_no_dashboard_is_named(tmp_path: Path) -> None:
    for name, text in (("a", "{"), ("b", "[]"), ("c", "{}"), ("d", '{"title": "x", "panels": [1]}')):
        (tmp_path / f"{name}.json").write_text(text)
    assert read_dashboards(tmp_path).broken == ("a.json", "b.json", "c.json", "d.json")
    assert read_dashboards(tmp_path / "nothing").panels == {}


def test_alerts_are_those_of_every_rule_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "groups: [{name: g, rules: [{alert: slow, expr: up}, {record: x, expr: up}]}]"
    )
    assert read_alerts(tmp_path) == {"slow"}
    assert read_alerts(tmp_path / "nothing") == set()


def test_what_is_no_rule_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("rules: []")
    with pytest.raises(PolicyError, match=r"b\.yaml: is no file of Prometheus rules"):
        read_alerts(tmp_path)
