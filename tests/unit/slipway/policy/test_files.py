"""A policy lies over those that it extends, and over the defaults of every product."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from slipway.exceptions import PolicyError
from slipway.policy.files import read_document, read_layers
from slipway.policy.release import load_policy

DATA = Path(__file__).parent / "data"


def test_the_release_policy_states_what_it_stated_before_there_were_defaults() -> None:
    before = json.loads((DATA / "release_before_defaults.json").read_text())
    # Since then every query keeps to the policy's own project.
    today = load_policy("release.yaml").model_dump_json().replace(r"project_id=~\"$project|\",", "")
    _require_contained(before, json.loads(today))


def test_a_policy_states_only_what_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("decision: {poll_seconds: 7}")
    document = read_document("mine.yaml", tmp_path)
    assert document["decision"]["poll_seconds"] == 7
    assert document["decision"]["promotion_evidence"] == 20
    assert document["deploy_timeout_seconds"] == 600


def test_the_defaults_of_a_part_are_for_those_that_have_it(tmp_path: Path) -> None:
    (tmp_path / "without.yaml").write_text("name: x")
    assert "migrations" not in read_document("without.yaml", tmp_path)
    (tmp_path / "with.yaml").write_text("extends: without.yaml\nmigrations: {directory: d}")
    migrations = read_document("with.yaml", tmp_path)["migrations"]
    assert (migrations["directory"], migrations["pace"]["attempts"]) == ("d", 8)


def test_null_takes_a_default_away(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("metrics: {memory: null}")
    assert "memory" not in read_document("x.yaml", tmp_path)["metrics"]
    (tmp_path / "y.yaml").write_text("extends: x.yaml\nname: y")
    assert "memory" not in read_document("y.yaml", tmp_path)["metrics"]


def test_every_value_has_the_file_that_states_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("decision: {poll_seconds: 7}\nmigrations: {directory: d}")
    (tmp_path / "x.yaml").write_text("extends: base.yaml\nname: x")
    layers = read_layers("x.yaml", tmp_path)
    assert [layer.name for layer in layers] == ["x.yaml", "base.yaml", "defaults.yaml"]
    for path, stated in (
        (("name",), "x.yaml"),
        (("decision", "poll_seconds"), "base.yaml"),
        (("decision", "promotion_evidence"), "defaults.yaml"),
        (("migrations", "pace", "attempts"), "defaults.yaml"),
    ):
        assert next(layer.name for layer in layers if layer.states(path)) == stated


def test_a_circle_of_policies_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("extends: y.yaml")
    (tmp_path / "y.yaml").write_text("extends: x.yaml")
    with pytest.raises(PolicyError, match=r"policy y.yaml: extends=x.yaml: which extends this file itself"):
        read_document("x.yaml", tmp_path)


def _require_contained(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> None:
    """A field that is new since is no change of the values before it."""
    for key, value in before.items():
        if isinstance(value, dict):
            _require_contained(value, now[key], f"{path}{key}.")
        else:
            assert now[key] == value, f"{path}{key}"
