"""When production may be begun: weekly windows in a time zone with changes of clocks, and freezes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.exceptions import PolicyError
from slipway.policy.release import load_policy, parse_policy
from slipway.policy.windows import DAYS, Freeze, ReleaseWindows, WeeklyWindow

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = WeeklyWindow(days=("mon", "tue", "wed", "thu"), opens="09:00", closes="16:00")
NIGHT = WeeklyWindow(days=("sat",), opens="22:00", closes="04:00")
YEAR_END = Freeze.model_validate(
    {"name": "Year end", "begins": "2026-12-18", "ends": "2027-01-04T06:00", "reason": "few people"}
)
#: A year with both changes of clocks.
YEAR = [datetime.fromisoformat(day) for day in ("2026-01-01", "2027-01-01")]


def windows(*weekly: WeeklyWindow, freezes: tuple[Freeze, ...] = ()) -> ReleaseWindows:
    return ReleaseWindows(time_zone="Europe/Berlin", weekly=weekly, freezes=freezes)


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-30T08:59:59", False),
        ("2026-11-30T09:00", True),
        ("2026-11-30T15:59:59", True),
        ("2026-11-30T16:00", False),
        ("2026-12-04T10:00", False),  # a Friday
        ("2026-12-17T23:59", False),
        ("2026-12-21T10:00", False),  # a Monday in the freeze
        ("2027-01-04T09:00", True),
    ],
)
def test_a_window_has_its_opening_and_not_its_closing(at: str, is_open: bool) -> None:
    assert (windows(OFFICE, freezes=(YEAR_END,)).closed(berlin(at)) is None) is is_open


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-28T21:59", False),
        ("2026-11-28T22:00", True),
        ("2026-11-29T00:00", True),
        ("2026-11-29T03:59", True),
        ("2026-11-29T04:00", False),
        ("2026-11-29T22:30", False),  # Sunday's night is not Saturday's
        ("2026-11-28T03:00", False),  # nor is Friday's
    ],
)
def test_a_window_over_midnight_is_the_day_s_on_which_it_opens(at: str, is_open: bool) -> None:
    assert (windows(NIGHT).closed(berlin(at)) is None) is is_open


def test_two_days_to_midnight_have_no_gap_between_them() -> None:
    all_day = windows(WeeklyWindow(days=("sat", "sun"), opens="00:00", closes="24:00"))
    assert all_day.closed(berlin("2026-11-29T00:00")) is None
    assert all_day.closed(berlin("2026-11-30T00:00")) is not None


def test_the_night_on_which_clocks_change_is_as_long_as_it_is() -> None:
    """Clocks go from 2 to 3 on 2026-03-29, and from 3 back to 2 on 2026-10-25."""
    for saturday, hours in ((date(2026, 3, 28), 5), (date(2026, 10, 24), 7), (date(2026, 11, 28), 6)):
        opens, closes = NIGHT.on(saturday, BERLIN)
        assert closes - opens == timedelta(hours=hours)


def test_a_time_that_does_not_exist_and_one_that_exists_twice() -> None:
    early = windows(WeeklyWindow(days=("sun",), opens="02:30", closes="05:00"))
    assert early.closed(berlin("2026-03-29T03:29")) is not None
    assert early.closed(berlin("2026-03-29T03:30")) is None, "2:30 is an hour and a half after 1:00"
    assert early.closed(berlin("2026-10-25T02:29")) is not None
    assert early.closed(berlin("2026-10-25T02:30")) is None
    assert early.closed(berlin("2026-10-25T02:00", fold=1)) is None, "once open it stays open"
    late = windows(WeeklyWindow(days=("sat",), opens="22:00", closes="02:30"))
    assert late.closed(berlin("2026-10-25T02:30")) is not None
    assert late.closed(berlin("2026-10-25T02:10", fold=1)) is not None, "once closed it stays closed"


def test_the_reason_says_what_is_in_the_way_and_when_it_is_over() -> None:
    found = windows(OFFICE, freezes=(YEAR_END,))
    assert found.closed(berlin("2026-12-20T10:00")) == (
        "freeze Year end until Mon 04 Jan 2027 06:00 Europe/Berlin: few people"
    )
    assert found.closed(berlin("2026-12-17T17:00")) == (
        "outside the release windows (mon, tue, wed, thu 09:00-16:00, Europe/Berlin); the next opens"
        " Mon 04 Jan 2027 09:00 Europe/Berlin"
    )


def test_without_windows_production_may_be_begun_at_any_time() -> None:
    assert ReleaseWindows().closed(datetime(2026, 11, 28, 3, tzinfo=UTC)) is None
    only_frozen = windows(freezes=(YEAR_END,))
    assert only_frozen.closed(berlin("2026-12-17T23:59")) is None
    assert only_frozen.next_opening(berlin("2026-12-18T00:00")) == berlin("2027-01-04T06:00")


TIMES = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.integers(0, 59))
ZONES = st.sampled_from(("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"))
MOMENTS = st.datetimes(*YEAR, timezones=st.just(UTC))


@st.composite
def some_windows(draw: st.DrawFn) -> ReleaseWindows:
    pairs = draw(st.lists(st.tuples(st.sets(st.sampled_from(DAYS), min_size=1), TIMES, TIMES), max_size=3))
    freezes = draw(
        st.lists(
            st.tuples(st.datetimes(*YEAR), st.integers(1, 90 * 24)),
            max_size=3,
        )
    )
    return ReleaseWindows(
        time_zone=draw(ZONES),
        weekly=tuple(
            WeeklyWindow(days=tuple(days), opens=opens, closes=closes)
            for days, opens, closes in pairs
            if opens != closes
        ),
        freezes=tuple(
            Freeze(name="f", begins=begins, ends=begins + timedelta(hours=hours), reason="r")
            for begins, hours in freezes
        ),
    )


@given(some_windows(), MOMENTS)
def test_what_is_closed_opens_at_its_next_opening_and_not_before(found: ReleaseWindows, at: datetime) -> None:
    opens = found.next_opening(at)
    if found.closed(at) is None:
        assert opens == at
    elif opens is not None:
        assert opens > at
        assert found.closed(opens) is None
        assert found.closed(opens - timedelta(microseconds=1)) is not None, "it opens at its first moment"
        between = at + (opens - at) / 2
        assert found.closed(between) is not None


@given(some_windows(), MOMENTS)
def test_a_freeze_only_ever_closes(found: ReleaseWindows, at: datetime) -> None:
    thawed = found.model_copy(update={"freezes": ()})
    if found.closed(at) is None:
        assert thawed.closed(at) is None


@given(some_windows(), MOMENTS, ZONES)
def test_a_moment_is_the_same_wherever_it_is_read(found: ReleaseWindows, at: datetime, zone: str) -> None:
    assert found.closed(at) == found.closed(at.astimezone(ZoneInfo(zone)))


@given(some_windows())
def test_a_policy_on_record_is_read_as_it_was_written(found: ReleaseWindows) -> None:
    assert ReleaseWindows.model_validate(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"time_zone": "Europe/Berln"},
            "time_zone=Europe/Berln: is no IANA time zone, such as Europe/Berlin",
        ),
        ({"time_zone": "../etc/passwd"}, "time_zone=../etc/passwd: is no IANA time zone"),
        (
            {"weekly": [{"days": ["mon"], "opens": 960, "closes": "17:00"}]},
            'weekly[0].opens=960: must be a time of day in quotes, "00:00" to "24:00"',
        ),
        (
            {"weekly": [{"days": ["mon"], "opens": "9:00", "closes": "17:00"}]},
            "weekly[0].opens=9:00: must be a time of day",
        ),
        (
            {"weekly": [{"days": ["mon"], "opens": "09:00", "closes": "24:30"}]},
            "weekly[0].closes=24:30: must be a time of day",
        ),
        (
            {"weekly": [{"days": ["mon"], "opens": "09:00", "closes": "09:00"}]},
            "weekly[0]: closes=09:00: is opens",
        ),
        (
            {"weekly": [{"days": ["funday"], "opens": "09:00", "closes": "10:00"}]},
            "weekly[0].days[0]=funday: ",
        ),
        (
            {"freezes": [{"name": "x", "begins": "2026-12-18", "ends": "2026-12-01", "reason": "y"}]},
            "freezes[0]: ends=2026-12-01T00:00: must be after begins",
        ),
        (
            {"freezes": [{"name": "x", "begins": "2026-12-18T00:00Z", "ends": "2026-12-19", "reason": "y"}]},
            "freezes[0].begins=2026-12-18T00:00Z: ",
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_value(section: dict[str, Any], message: str) -> None:
    document = load_policy("release.yaml").model_dump(mode="json") | {"release_windows": section}
    with pytest.raises(PolicyError) as refused:
        parse_policy(document, source="x.yaml")
    assert f"policy x.yaml: release_windows.{message}" in str(refused.value)
