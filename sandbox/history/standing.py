"""What holds about each customer at the end of a day: plan, revenue, whether they asked to be forgotten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from sandbox.history.past import Rows
from sandbox.history.rows import Deletion, Subscription, User


@dataclass(frozen=True)
class Subscriber:
    """A customer with recurring revenue at the end of a day.

    :param paid_since: the first day of any revenue.
    """

    user: UUID
    plan: str
    mrr_usd: Decimal
    paid_since: date


class Standing:
    """Finds customers.

    :param rows: what the source has.
    """

    def __init__(self, rows: Rows) -> None:
        self._plans = {row.id: row.plan for row in rows[User] if isinstance(row, User)}
        self.forgotten = {row.user_id for row in rows[Deletion] if isinstance(row, Deletion)}
        self._history: dict[UUID, list[Subscription]] = defaultdict(list)
        for row in rows[Subscription]:
            if isinstance(row, Subscription):
                self._history[row.user_id].append(row)
        for events in self._history.values():
            events.sort(key=lambda event: event.occurred_at)

    def plan(self, user: UUID | None, day: date) -> str:
        """Return a customer's plan at the end of a day; ``unknown`` for one nobody knows or may know."""
        if user is None or user not in self._plans or user in self.forgotten:
            return "unknown"
        if user not in self._history:
            return self._plans[user]
        held = self._until(user, day)
        return held[-1].plan if held else "free"

    def subscribers(self, day: date) -> Iterator[Subscriber]:
        """Return who pays at the end of a day."""
        for user in self._plans.keys() & self._history.keys():
            held = self._until(user, day)
            if held and held[-1].mrr_usd > 0 and user not in self.forgotten:
                paid = next(event.occurred_at.date() for event in held if event.mrr_usd > 0)
                yield Subscriber(user, held[-1].plan, held[-1].mrr_usd, paid)

    def _until(self, user: UUID, day: date) -> list[Subscription]:
        end = datetime.combine(day + timedelta(days=1), time())
        return [event for event in self._history[user] if event.occurred_at < end]
