"""Dashboards are read from their files; what is none is named."""

from __future__ import annotations

import json
from pathlib import Path

from slipway.release.monitoring_files import read_dashboards


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
