"""The KPIs over several days, worked out from the rows in memory by their definitions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sandbox.history.dimensions import NOBODY
from sandbox.history.rows import FeatureUse
from sandbox.history.truth import Kpis, Truth, ratio

_WEEK, _HISTORY = 7, 28


class Windows:
    """What readers should find about several days.

    :param truth: the daily KPIs.
    :param published: the days that are published, in their order.
    """

    def __init__(self, truth: Truth, published: Sequence[date]) -> None:
        self._truth = truth
        self._published = published
        self._savings = {
            day: {
                dim: value
                for (kpi, dim), value in truth.day(day).items()
                if kpi == "cost_savings_usd" and value is not None
            }
            for day in published
        }
        self._requests = {day: Counter(one.user for one in truth.requests[day]) for day in published}
        self._first_success: dict[UUID, date] = {}
        for day in published:
            for one in truth.requests[day]:
                if one.row.optimization_succeeded:
                    self._first_success.setdefault(one.user, day)

    def day(self, day: date) -> Kpis:
        """Return every KPI over the days up to one, by its name and dimension."""
        influenced = self._influenced(day)
        found: Kpis = {
            ("cost_feature_users_7d", "all"): Decimal(self._feature_users(day, _WEEK)),
            ("cost_feature_users_28d", "all"): Decimal(self._feature_users(day, _HISTORY)),
            ("churn_at_risk_users", "all"): Decimal(self._at_risk(day)),
            ("churn_avoided_users", "all"): None,
            ("influenced_arr_usd", "all"): influenced,
            ("value_capture_usd", "all"): ratio(influenced, 365),
        }
        for dim in self._savings[day]:
            found["demonstrated_savings_usd", dim] = self._saved(dim, self._up_to(day))
            month = [one for one in self._up_to(day) if (one.year, one.month) == (day.year, day.month)]
            found["monthly_cost_reduction_usd", dim] = self._saved(dim, month)
        return found

    def _up_to(self, day: date) -> list[date]:
        return [one for one in self._published if one <= day]

    def _saved(self, dim: str, days: Sequence[date]) -> Decimal:
        return sum((self._savings[day].get(dim, Decimal(0)) for day in days), Decimal(0))

    def _feature_users(self, day: date, days: int) -> int:
        seen = [one for one in self._up_to(day) if (day - one).days < days]
        return len(
            {
                event.user
                for one in seen
                for event in self._truth.events[one]
                if isinstance(event.row, FeatureUse)
            }
        )

    def _at_risk(self, day: date) -> int:
        lately: Counter[UUID] = Counter()
        before: defaultdict[UUID, int] = defaultdict(int)
        for age in range(_WEEK + _HISTORY):
            for user, requests in self._requests.get(day - timedelta(days=age), Counter()).items():
                if age < _WEEK:
                    lately[user] += requests
                else:
                    before[user] += requests
        # Under half of the weekly mean of four weeks.
        return sum(lately[user] < Decimal(count) / 4 / 2 for user, count in before.items() if user != NOBODY)

    def _influenced(self, day: date) -> Decimal:
        return sum(
            (
                12 * subscriber.mrr_usd
                for subscriber in self._truth.standing.subscribers(day)
                if subscriber.user in self._first_success
                and subscriber.paid_since >= self._first_success[subscriber.user]
            ),
            Decimal(0),
        )
