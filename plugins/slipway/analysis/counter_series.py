"""One counter as it arrives: its increments, whatever restarts, dips and other processes do to it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

#: This many times the usual pace, and so many events besides, can have happened since the reading before.
FASTER, FEW = 5.0, 10.0
#: A counter that keeps at least this part of its value did not restart.
_KEPT = 0.5
#: A second collector may be behind by so many intervals' events.
_INTERVALS_BEHIND = 4.0
#: A counter that fell may come back to where it was within so many readings.
_READINGS_TO_RETURN = 4
#: So many falls that were no restart, within so many readings: it is no counter.
_FALLS, _READINGS = 3, 40
#: Falls in a row that look like restarts, each from a higher value to a higher one: two counters in turns.
_CLIMBING = 4
_PACES = 8


@dataclass
class _Fall:
    """A fall of the last readings.

    :param high: the value before it, to which the counter may come back.
    :param low: the lowest value since.
    :param is_dip: True when most of the value is left: nothing is counted below ``high``.
    :param counted: events counted since, as those of a restarted counter.
    :param readings: for how many readings it lasts.
    """

    high: float
    low: float
    is_dip: bool
    counted: float = 0.0
    readings: int = 1


@dataclass(frozen=True)
class _Pending:
    """Events of a series that began at zero within a time, if they are possible at its pace.

    :param value: the events.
    :param within: the time, in seconds.
    :param is_first: True for the first reading of a series, False for a restart.
    """

    value: float
    within: float
    is_first: bool


class CounterSeries:
    """Turns the cumulative readings of one series into increments.

    A fall that leaves most of the value is no restart: nothing is counted until the value is back, or has
    stayed below for four readings and goes on from there. Any other fall is a restart, whose value is the
    increment, if so many events are possible at the counter's pace; otherwise the next reading decides.

    :param value: the first reading.
    :param at: its moment, in seconds.
    :param within: seconds in which the first reading's events happened if the series began at zero; the next
        reading decides whether they can have. None counts from the first reading on.
    """

    def __init__(self, value: float, *, at: float, within: float | None = None) -> None:
        self._counted_to = value
        self._at = at
        self._paces: deque[float] = deque(maxlen=_PACES)
        self._fall: _Fall | None = None
        self._pending = None if within is None else _Pending(value, within, is_first=True)
        self._reading = 0
        self._falls: deque[int] = deque(maxlen=_FALLS)
        self._restarts: deque[tuple[int, float, float]] = deque(maxlen=_CLIMBING)

    @property
    def value(self) -> float:
        """Up to here its events are counted."""
        return self._counted_to

    @property
    def is_no_counter(self) -> bool:
        """True when it fell again and again without a restart: several processes answer in turns."""
        again = len(self._falls) == _FALLS and self._reading - self._falls[0] < _READINGS
        return again or self._restarts_climb

    @property
    def is_below(self) -> bool:
        """True while it is a little below an earlier value, so that its last events are not counted."""
        return self._fall is not None and self._fall.is_dip

    def since(self, value: float, *, at: float) -> float:
        """Return the events since the reading before.

        :param value: the reading; finite and not negative.
        :param at: its moment, in seconds; not before the last one's.
        :return: number of events.
        """
        self._reading += 1
        fall = self._fall
        if fall is None:
            return self._rise(value, at) if value >= self._counted_to else self._fallen(value, at)
        fall.readings += 1
        if value >= fall.high:
            if fall.is_dip or self._is_back(fall, value, at):
                return self._back(fall, value, at)
            self._fall = None
            return self._rise(value, at)
        if fall.is_dip and value >= _KEPT * fall.high:
            return self._stay_below(fall, value, at)
        if value < self._counted_to:
            return self._fallen(value, at)
        if fall.readings >= _READINGS_TO_RETURN:
            self._fall = None
        events = self._rise(value, at)
        fall.counted += events
        return events

    @property
    def _is_suspect(self) -> bool:
        return bool(self._falls) and self._reading - self._falls[-1] < _READINGS

    @property
    def _restarts_climb(self) -> bool:
        if len(self._restarts) < _CLIMBING or self._reading - self._restarts[0][0] >= _READINGS:
            return False
        return all(
            high < next_high and low < next_low
            for (_, high, low), (_, next_high, next_low) in pairwise(self._restarts)
        )

    @property
    def pace(self) -> float:
        """Events per second in the middle one of the last intervals; 0 where none is known."""
        return median(self._paces) if self._paces else 0.0

    def _rise(self, value: float, at: float) -> float:
        events, seconds = value - self._counted_to, at - self._at
        if self._is_suspect and not is_possible(events, seconds, self.pace):
            self._falls.append(self._reading)
            events = 0.0
        self._count_to(value, at, events)
        pending, self._pending = self._pending, None
        if pending is None:
            return events
        pace = events / seconds if seconds > 0 else 0.0
        if is_possible(pending.value, pending.within, pace, few=0.0 if pending.is_first else FEW):
            return pending.value + events
        if not pending.is_first:
            self._falls.append(self._reading)
        return events

    def _fallen(self, value: float, at: float) -> float:
        before, seconds = self._fall, at - self._at
        high = max(self._counted_to, before.high) if before else self._counted_to
        if value >= _KEPT * self._counted_to:
            if before is None:
                self._fall = _Fall(high, value, is_dip=True)
            return 0.0
        self._restarts.append((self._reading, self._counted_to, value))
        self._fall = _Fall(high, value, is_dip=False, counted=before.counted if before else 0.0)
        is_restart = is_possible(value, seconds, self.pace)
        self._pending = None if is_restart else _Pending(value, seconds, is_first=False)
        self._counted_to, self._at = value, at
        events = value if is_restart else 0.0
        self._fall.counted += events
        return events

    def _is_back(self, fall: _Fall, value: float, at: float) -> bool:
        """True when the rise fits a counter that was never restarted better than one that was."""
        if not self._paces:
            return True
        usual = self.pace * (at - self._at)
        return fits_better(value - fall.high, value - self._counted_to, usual)

    def _back(self, fall: _Fall, value: float, at: float) -> float:
        """Go on from the value before the fall, less what was counted of a restart that was none."""
        self._fall = self._pending = None
        behind = _INTERVALS_BEHIND * self.pace * (at - self._at) + FEW
        if not fall.is_dip or fall.high - fall.low > behind:
            self._falls.append(self._reading)
        events = max(0.0, value - fall.high - fall.counted)
        self._count_to(value, at, events)
        return events

    def _stay_below(self, fall: _Fall, value: float, at: float) -> float:
        fall.low = min(fall.low, value)
        if fall.readings >= _READINGS_TO_RETURN:
            self._fall = None
            self._falls.append(self._reading)
            self._counted_to, self._at = value, at
        return 0.0

    def _count_to(self, value: float, at: float, events: float) -> None:
        if at > self._at:
            self._paces.append(events / (at - self._at))
        self._counted_to, self._at = value, at


def is_possible(
    events: float, seconds: float, pace: float, *, few: float = FEW, faster: float = FASTER
) -> bool:
    """Tell whether so many events can have happened in a time.

    :param events: number of events.
    :param seconds: in how long.
    :param pace: usual number of events per second.
    :param few: so many are possible at any pace.
    :param faster: so many times the usual pace is possible.
    """
    return events <= faster * pace * seconds + few


def fits_better(events: float, other: float, usual: float) -> bool:
    """Tell whether a number of events is closer to the usual one than another number is.

    :param events: number of events.
    :param other: the other number.
    :param usual: usual number of events.
    """
    one, two = (abs(math.log((usual + 1) / (number + 1))) for number in (events, other))
    return one < two
