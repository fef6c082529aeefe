"""The targets' file has the strategy's numbers, and is read strictly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.exceptions import PolicyError
from slipway.kpi.targets.policy import load_targets
from slipway.policy.files import POLICY_DIRECTORY


def test_the_strategys_targets() -> None:
    horizons = load_targets().horizons
    assert {key: horizon.days for key, horizon in horizons.items()} == {
        "week_1": 7,
        "month_1": 30,
        "quarter_1": 90,
        "year_1": 365,
    }
    limits = {
        (key, name): (target.at_least, target.at_most)
        for key, horizon in horizons.items()
        for name, target in horizon.targets.items()
    }
    assert limits == {
        ("week_1", "cost_tracking_users"): (50, None),
        ("week_1", "cost_reduction"): (10, None),
        ("week_1", "critical_failures"): (None, 0),
        ("week_1", "conversions"): (2, None),
        ("month_1", "savings"): (5000, None),
        ("month_1", "satisfaction"): (95, None),
        ("month_1", "enterprise_enquiries"): (15, None),
        ("month_1", "sessions_with_cost_features"): (90, None),
        ("quarter_1", "savings"): (50000, None),
        ("quarter_1", "conversion_increase"): (25, None),
        ("quarter_1", "value_proposition"): (None, None),
        ("quarter_1", "attributable_arr"): (100000, None),
        ("year_1", "savings"): (420000, None),
        ("year_1", "cost_reduction"): (15, 25),
        ("year_1", "conversion"): (15, None),
        ("year_1", "roi"): (425, None),
    }


def test_the_projections_follow_from_their_inputs() -> None:
    case = load_targets().business_case
    assert case.customers * case.savings_per_customer_usd == case.annual_usd == 420_000
    assert (case.annual_usd - case.investment_usd) / case.investment_usd == Decimal("4.25")


def test_day_one_is_the_day_of_the_promotion() -> None:
    assert load_targets().horizons["week_1"].due(date(2026, 3, 2)) == date(2026, 3, 8)


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d["business_case"].update(savings_per_customer_usd=4300),
            "targets t.yaml: business_case: annual_usd=420000: 100 customers x 4300 are 430000",
        ),
        (
            lambda d: d["business_case"].update(investment_usd=90000),
            "roi_percent=425: with annual_usd=420000 and investment_usd=90000 it is 366.7",
        ),
        (
            lambda d: d["horizons"]["week_1"]["targets"]["conversions"].pop("at_least"),
            "horizons.week_1.targets.conversions: measure=count: needs at_least or at_most",
        ),
        (
            lambda d: d["horizons"]["week_1"]["targets"]["conversions"].pop("kpi"),
            "every measure except statement needs one",
        ),
        (
            lambda d: d["horizons"]["year_1"]["targets"]["roi"].pop("investment_usd"),
            "a return needs it",
        ),
        (
            lambda d: d["horizons"]["year_1"]["targets"]["cost_reduction"].update(at_most=10),
            "at_least=15: must be below at_most=10",
        ),
        (
            lambda d: d["horizons"]["week_1"].update(dayz=7),
            "horizons.week_1.dayz=7: unknown field; check the spelling",
        ),
        (lambda d: d.update(minimum_days=1), "minimum_days=1: must be at least 2"),
    ],
)
def test_what_is_wrong_is_named(change: Change, message: str, tmp_path: Path) -> None:
    document = yaml.safe_load((POLICY_DIRECTORY / "targets.yaml").read_text())
    change(document)
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(PolicyError) as refused:
        load_targets("t.yaml", directory=tmp_path)
    assert message in str(refused.value)


def test_a_missing_file_and_no_yaml_are_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no such file"):
        load_targets("gone.yaml", directory=tmp_path)
    (tmp_path / "t.yaml").write_text("a: [")
    with pytest.raises(PolicyError, match="not YAML"):
        load_targets("t.yaml", directory=tmp_path)
