"""What is said about a target, from the first day to the date and after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slipway.kpi.targets.days import DayValue
from slipway.kpi.targets.policy import TargetPolicy, load_targets
from slipway.kpi.targets.review import Review, review_all

PROMOTED = date(2026, 3, 2)
WEEK = 7


def one_target(**target: Any) -> TargetPolicy:
    """The project's policy with one target, due in a week."""
    document = load_targets().model_dump()
    target = {"title": "It", "kpi": "it", "unit": "USD", **target}
    document["horizons"] = {"week": {"title": "Week", "days": WEEK, "targets": {"it": target}}}
    return TargetPolicy.model_validate(document)


def review(policy: TargetPolicy, days: Sequence[DayValue], as_of: int) -> Review:
    """Review the only target on the day of that number; day 1 is the day of the promotion."""
    (found,) = review_all(policy, {"it": days}, promoted=PROMOTED, as_of=on(as_of))
    return found


def on(number: int) -> date:
    return PROMOTED + timedelta(days=number - 1)


def values(*amounts: float | str | None, first: int = 1) -> list[DayValue]:
    return [
        DayValue(on(first + index), None if amount is None else Decimal(str(amount)))
        for index, amount in enumerate(amounts)
    ]


def shares(*pairs: tuple[int, int], first: int = 1) -> list[DayValue]:
    return [
        DayValue(
            on(first + index),
            Decimal(100 * above) / below if below else None,
            Decimal(above),
            Decimal(below),
            below,
        )
        for index, (above, below) in enumerate(pairs)
    ]


AMOUNT = one_target(measure="amount", at_least=700)
NONE = one_target(measure="count", at_most=0)
SHARE = one_target(measure="share", at_least=95, minimum_n=20)


@pytest.mark.parametrize(
    ("days", "as_of", "status", "value"),
    [
        (values(), 3, "insufficient_data", None),
        (values(120, 110), 2, "insufficient_data", 230),
        (values(120, 110, 130), 3, "on_track", 360),
        (values(20, 30, 25), 3, "behind", 75),
        (values(300, 300, "100.00"), 3, "met", 700),
        (values(300, 300, "99.999999"), 3, "on_track", "699.999999"),
        (values(90, 90, 90, 90, 90, 90, 90), 7, "missed", 630),
        (values(90, 90, 90, 90, 90, 90, 250), 7, "met", 790),
        # A day that nobody knows could have made the difference.
        (values(90, 90, None, 90, 90, 90, 90), 7, "insufficient_data", 540),
        (values(900, None, None, None, None, None, None), 7, "met", 900),
        # What comes after the date does not count.
        (values(90, 90, 90, 90, 90, 90, 90, 5000), 8, "missed", 630),
    ],
)
def test_a_sum_of_money(days: list[DayValue], as_of: int, status: str, value: float | str | None) -> None:
    found = review(AMOUNT, days, as_of)
    assert found.status == status, found.reason
    assert found.value == (None if value is None else Decimal(str(value)))
    assert found.due == on(WEEK)


def test_days_before_the_promotion_are_not_its_merit() -> None:
    found = review(AMOUNT, values(5000, 5000, 50, 50, 50, first=-1), 3)
    assert (found.status, found.value) == ("behind", Decimal(150))


@pytest.mark.parametrize(
    ("days", "as_of", "status"),
    [
        (values(0, 0, 0), 3, "on_track"),
        (values(0, 1, 0), 3, "missed"),
        (values(1), 1, "missed"),
        (values(0, 0, 0, 0, 0, 0, 0), 7, "met"),
        (values(0, 0, 0, None, 0, 0, 0), 7, "insufficient_data"),
        (values(), 7, "insufficient_data"),
    ],
)
def test_a_count_that_must_stay_zero(days: list[DayValue], as_of: int, status: str) -> None:
    assert review(NONE, days, as_of).status == status


@pytest.mark.parametrize(
    ("days", "as_of", "status", "n"),
    [
        (shares((0, 0)), 3, "insufficient_data", 0),
        (shares((5, 5), (5, 5), (5, 5)), 3, "insufficient_data", 15),
        (shares((10, 10), (10, 10), (9, 10)), 3, "on_track", 30),
        (shares((9, 10), (9, 10), (9, 10)), 3, "behind", 30),
        (shares(*[(10, 10)] * 6, (7, 10)), 7, "met", 70),
        (shares(*[(10, 10)] * 6, (5, 10)), 7, "missed", 70),
        (shares(*[(1, 1)] * 7), 7, "insufficient_data", 7),
    ],
)
def test_a_share(days: list[DayValue], as_of: int, status: str, n: int) -> None:
    found = review(SHARE, days, as_of)
    assert (found.status, found.n) == (status, n), found.reason
    if found.forecast is not None and found.low is not None and found.high is not None:
        assert found.low <= found.forecast <= found.high


def test_an_average_is_of_the_amounts_and_not_of_the_days() -> None:
    policy = one_target(measure="ratio", at_least=15, at_most=25, unit="percent")
    days = shares((900, 1000), (1000, 10000), (1000, 10000))
    found = review(policy, days, 3)
    assert found.value == Decimal("13.809524")
    assert (found.status, found.n) == ("behind", 21000)
    above = shares(*[(30, 100)] * 7)
    assert review(policy, above, 7).status == "missed"
    assert review(policy, shares(*[(25, 100)] * 7), 7).status == "met"


def test_a_level_is_the_newest_day_s_and_an_old_one_is_no_evidence() -> None:
    policy = one_target(measure="level", at_least=50, unit="users")
    rising = [DayValue(point.day, point.value, n=1) for point in values(10, 20, 30, 40)]
    found = review(policy, rising, 4)
    assert [found.status, found.value, found.forecast] == ["on_track", 40, 70]
    stale = review(policy, rising, 5)
    assert stale.status == "insufficient_data"
    assert "The newest value is of 2026-03-05, not 2026-03-06" in stale.reason


def test_an_increase_is_against_the_day_before_the_promotion() -> None:
    policy = one_target(measure="increase", at_least=25, minimum_n=30, unit="percent")
    now = shares((15, 100), first=7)
    assert review(policy, [*shares((10, 100), first=0), *now], 7).status == "met"
    assert review(policy, [*shares((14, 100), first=0), *now], 7).status == "missed"
    assert review(policy, [*shares((1, 10), first=0), *now], 7).status == "insufficient_data"
    assert "No value of it for the day before" in review(policy, now, 7).reason
    none_before = review(policy, [*shares((0, 100), first=0), *now], 7)
    assert (none_before.status, none_before.value) == ("insufficient_data", None)


def test_a_return_is_of_the_investment() -> None:
    policy = one_target(measure="return", at_least=425, investment_usd=100, unit="percent")
    found = review(policy, values(60, 60, 60), 3)
    assert [found.status, found.value, found.forecast] == ["behind", 80, 320]
    assert review(policy, values(300, 225, 0), 3).status == "met"


def test_a_statement_is_never_forgotten_and_never_met() -> None:
    policy = one_target(measure="statement", kpi=None, unit="")
    found = review(policy, [], 7)
    assert (found.status, found.reason) == (
        "insufficient_data",
        "No KPI measures this; a person decides",
    )


def test_missing_days_are_named() -> None:
    found = review(AMOUNT, [*values(200, 150, 130), *values(150, first=6)], 6)
    assert found.status == "on_track"
    assert "2 days without data (2026-03-05, 2026-03-06)" in found.reason


points = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 500), st.integers(0, 500)), unique_by=lambda row: row[0]
)


POLICIES = [
    one_target(measure=measure, at_least=1)
    for measure in ("count", "amount", "share", "ratio", "level", "latest_share", "increase")
]


@settings(deadline=None, max_examples=60)
@given(days=points, as_of=st.integers(1, 9))
def test_nothing_is_met_without_evidence_and_every_word_has_a_reason(
    days: list[tuple[int, int, int]], as_of: int
) -> None:
    series = [
        DayValue(
            on(day), Decimal(above) if below else None, Decimal(min(above, below)), Decimal(below), below
        )
        for day, above, below in days
    ]
    for policy in POLICIES:
        found = review(policy, series, as_of)
        assert found.reason
        if found.status != "insufficient_data":
            assert found.n >= 1
            assert found.value is not None
        if found.status in ("on_track", "behind"):
            assert as_of < WEEK
            assert None not in (found.low, found.forecast, found.high)
            assert found.low <= found.forecast <= found.high  # type: ignore[operator]
        if found.status == "missed":
            assert as_of >= WEEK
