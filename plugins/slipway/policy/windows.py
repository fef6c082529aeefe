"""Policy: when a release may begin production: weekly windows, and freezes with a reason.

Times of day are those of one time zone. Where the clock is put forward, a time that does not exist counts
from the offset before; where it is put back, a time that exists twice is the first one (RFC 5545).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, NaiveDatetime, field_validator, model_validator

from slipway.policy.section import Section

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Sequence[Day] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT_AFTER = "24:00"
#: A change of clocks can swallow one window of a week; the week after has it.
_DAYS_TO_SEARCH = 15


class WeeklyWindow(Section):
    """A time of the week in which production may be begun.

    :param days: on which it opens.
    :param opens: time of day, ``"09:00"``.
    :param closes: time of day, ``"24:00"`` for the end of the day; the next day's when before ``opens``.
    """

    days: Annotated[tuple[Day, ...], Field(min_length=1)]
    opens: str
    closes: str

    @field_validator("opens", "closes", mode="before")
    @classmethod
    def _is_a_time(cls, value: object) -> object:
        # YAML reads 16:00 without quotes as the number 960.
        if not isinstance(value, str) or not _is_time(value):
            raise ValueError('must be a time of day in quotes, "00:00" to "24:00"')
        return value

    @model_validator(mode="after")
    def _lasts(self) -> WeeklyWindow:
        if self.opens == MIDNIGHT_AFTER:
            raise ValueError(f"opens={self.opens}: is the next day's 00:00; say that")
        if self.opens == self.closes:
            raise ValueError(f'closes={self.closes}: is opens; a whole day is "00:00" to "{MIDNIGHT_AFTER}"')
        return self

    def on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return when it opens and closes, in UTC.

        :param day: a day on which it opens.
        :param zone: the policy's time zone.
        """
        later = day + timedelta(days=1)
        if self.closes == MIDNIGHT_AFTER:
            return _instant(day, self.opens, zone), _instant(later, "00:00", zone)
        ends = day if self.closes > self.opens else later
        return _instant(day, self.opens, zone), _instant(ends, self.closes, zone)

    def __str__(self) -> str:
        return f"{', '.join(day for day in DAYS if day in self.days)} {self.opens}-{self.closes}"


class Freeze(Section):
    """A time in which production is not begun, whatever the weekly windows say.

    :param name: what people call it.
    :param begins: local time, ``2026-12-18T00:00``.
    :param ends: local time at which it is over.
    :param reason: shown to whoever releases in it.
    """

    name: Annotated[str, Field(min_length=1)]
    begins: NaiveDatetime
    ends: NaiveDatetime
    reason: Annotated[str, Field(min_length=1)]

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Freeze:
        if self.ends <= self.begins:
            raise ValueError(f"ends={self.ends:%Y-%m-%dT%H:%M}: must be after begins")
        return self


class ReleaseWindows(Section):
    """When production may be begun; a release under way, and a rollback, may go on at any time.

    :param time_zone: IANA name, of all times below.
    :param weekly: empty: at any time of the week.
    :param freezes: each with its name and reason.
    """

    time_zone: str = "UTC"
    weekly: tuple[WeeklyWindow, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("is no IANA time zone, such as Europe/Berlin") from None
        return value

    def closed(self, at: datetime) -> str | None:
        """Say why production is not begun at a moment, and when it may be; None when it may be begun.

        :param at: the moment, with its offset.
        """
        freeze = self._freeze(at)
        if freeze is not None:
            return f"freeze {freeze.name} until {self._shown(self._local(freeze.ends))}: {freeze.reason}"
        if self._in_a_window(at):
            return None
        opens = self.next_opening(at)
        following = "none opens within two weeks" if opens is None else f"the next opens {self._shown(opens)}"
        windows = "; ".join(map(str, self.weekly))
        return f"outside the release windows ({windows}, {self.time_zone}); {following}"

    def next_opening(self, at: datetime) -> datetime | None:
        """Return the first moment from ``at`` on at which production may be begun, in UTC.

        :param at: the moment, with its offset.
        :return: ``at`` itself where production may be begun; None when no window opens within two weeks after
            the last freeze that is in the way.
        """
        moment = at.astimezone(UTC)
        while True:
            if (freeze := self._freeze(moment)) is not None:
                moment = self._local(freeze.ends)
            elif self._in_a_window(moment):
                return moment
            else:
                later = [opens for opens, closes in self._around(moment) if moment < opens < closes]
                if not later:
                    return None
                moment = min(later)

    def _freeze(self, at: datetime) -> Freeze | None:
        """Return the freeze at a moment that ends last."""
        found = [one for one in self.freezes if self._local(one.begins) <= at < self._local(one.ends)]
        return max(found, key=lambda one: one.ends, default=None)

    def _in_a_window(self, at: datetime) -> bool:
        return not self.weekly or any(opens <= at < closes for opens, closes in self._around(at))

    def _around(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the windows that open from the day before a moment on."""
        zone = ZoneInfo(self.time_zone)
        first = at.astimezone(zone).date() - timedelta(days=1)
        for day in (first + timedelta(days=number) for number in range(_DAYS_TO_SEARCH + 1)):
            for window in self.weekly:
                if DAYS[day.weekday()] in window.days:
                    yield window.on(day, zone)

    def _local(self, moment: datetime) -> datetime:
        return moment.replace(tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)

    def _shown(self, moment: datetime) -> str:
        return f"{moment.astimezone(ZoneInfo(self.time_zone)):%a %d %b %Y %H:%M} {self.time_zone}"


def _is_time(text: str) -> bool:
    hours, colon, minutes = text.partition(":")
    if not (colon and len(text) == 5 and hours.isdecimal() and minutes.isdecimal()):
        return False
    return text == MIDNIGHT_AFTER or (int(hours) < 24 and int(minutes) < 60)


def _instant(day: date, text: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.fromisoformat(text), tzinfo=zone).astimezone(UTC)
