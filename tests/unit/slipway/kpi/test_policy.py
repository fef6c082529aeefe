"""The rollup's numbers are read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest
from slipway.exceptions import PolicyError
from slipway.kpi import policy


def test_the_file_is_read() -> None:
    assert policy.load_rollup_policy().late_window_days >= 1


@pytest.mark.parametrize(
    "text",
    [
        "late_window_days: 0",
        "late_window_days: 35\nother: 1",
        "late_window_days: x",
        "late_window_days: 35\nproducts: {}",
        "late_window_days: 35\nproducts: {it's: {connection: a, collection: b, targets: null}}",
        "late_window_days: 35\nproducts: {rates: {connection: a, collection: 'b c', targets: null}}",
    ],
)
def test_a_wrong_field_is_named(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rollup.yaml"
    path.write_text(text)
    monkeypatch.setattr(policy, "ROLLUP_POLICY", path)
    with pytest.raises(PolicyError, match=r"rollup\.yaml: (late_window_days|other|products)"):
        policy.load_rollup_policy()


def test_the_first_product_keeps_the_dags_name_and_a_further_one_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rollup.yaml"
    further = "  exchange-rates: {connection: rates_db, collection: rates_source, targets: null}\n"
    path.write_text(policy.ROLLUP_POLICY.read_text() + further)
    monkeypatch.setattr(policy, "ROLLUP_POLICY", path)
    loaded = policy.load_rollup_policy()
    assert loaded.dag_ids("kpi_rollup") == {
        "token-optimization": "kpi_rollup",
        "exchange-rates": "kpi_rollup_exchange-rates",
    }
    assert loaded.source("exchange-rates").collection == "rates_source"


def test_a_product_without_a_source_is_named_with_those_that_have_one() -> None:
    with pytest.raises(PolicyError, match="no source of product other, have token-optimization: name its"):
        policy.load_rollup_policy().source("other")
