"""The KPIs of a day, worked out from the rows in memory by their definitions: no SQL, exact decimals.

What each KPI means is said at the head of its file in ``include/sql/kpi``; here it is done a second time, the
long way round: row by row, without the totals and cells in which the rollup does it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeVar

from sandbox.history.dimensions import Event, Request, seen_events, seen_requests
from sandbox.history.past import Rows
from sandbox.history.plans import MICRODOLLAR
from sandbox.history.releases import Serving
from sandbox.history.rows import Alert, Answer, Delivery, Enquiry, FeatureUse, Incident, Subscription, User
from sandbox.history.standing import Standing

Kpis = dict[tuple[str, str], Decimal | None]
Seen = TypeVar("Seen", Request, Event)
_COHORT = range(30, 60)


class Truth:
    """What should be published of a past.

    :param rows: what the source has.
    :param serving: which revision answers when.
    """

    def __init__(self, rows: Rows, serving: Serving) -> None:
        self.standing = Standing(rows)
        self._users = [row for row in rows[User] if isinstance(row, User)]
        self.requests: dict[date, list[Request]] = defaultdict(list)
        self.events: dict[date, list[Event]] = defaultdict(list)
        for request in seen_requests(rows, serving, self.standing):
            self.requests[request.row.created_at.date()].append(request)
        for event in seen_events(rows, serving, self.standing):
            self.events[event.at.date()].append(event)

    def day(self, day: date) -> Kpis:
        """Return every daily KPI by its name and dimension."""
        requests, events = _by_dimension(self.requests[day]), _by_dimension(self.events[day])
        found: Kpis = {}
        for dim, those in requests.items():
            found.update({(kpi, dim): formula(those) for kpi, formula in OF_REQUESTS.items()})
            if dim == "all" or dim.startswith("plan="):
                found["engagement_percent", dim] = _engagement(those, events.get(dim, []))
        for dim, happened in events.items():
            for kpi, count in OF_EVENTS.items():
                found[kpi, dim] = count(happened)
            if dim == "all" or dim.startswith("plan="):
                for kpi, count in OF_CUSTOMERS.items():
                    found[kpi, dim] = count(happened)
        found.update(self._revenue(day))
        found["free_to_paid_conversion_percent", "all"] = self._conversion(day)
        return found

    def _revenue(self, day: date) -> Kpis:
        found: Kpis = {("arr_usd", "all"): Decimal(0)}
        for subscriber in self.standing.subscribers(day):
            for dim in ("all", f"plan={subscriber.plan}"):
                found["arr_usd", dim] = (found.get(("arr_usd", dim)) or 0) + 12 * subscriber.mrr_usd
        return found

    def _conversion(self, day: date) -> Decimal | None:
        cohort = converted = 0
        for user in self._users:
            age = (day - user.created_at.astimezone(UTC).date()).days
            if age in _COHORT and user.id not in self.standing.forgotten:
                cohort += 1
                limit = user.created_at + timedelta(days=30)
                converted += user.converted_at is not None and user.converted_at < limit
        return percent(converted, cohort)


def ratio(numerator: Decimal | int, denominator: Decimal | int) -> Decimal | None:
    """Divide, and round half up at six decimals; None when there is nothing to divide by."""
    if not denominator:
        return None
    return (Decimal(numerator) / Decimal(denominator)).quantize(MICRODOLLAR, ROUND_HALF_UP)


def percent(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """Return a part in percent, rounded half up at six decimals."""
    return ratio(100 * part, whole)


def _by_dimension(seen: Iterable[Seen]) -> Mapping[str, list[Seen]]:
    groups: dict[str, list[Seen]] = {"all": []}
    for one in seen:
        for dim in one.dimensions:
            groups.setdefault(dim, []).append(one)
    return groups


def saved(requests: Iterable[Request]) -> Decimal:
    """Return what the successful optimizations saved, as far as both prices are known."""
    return sum((before - after for before, after in _priced(requests)), Decimal(0))


def _priced(requests: Iterable[Request]) -> list[tuple[Decimal, Decimal]]:
    return [
        (one.row.cost_original_usd, one.row.cost_usd)
        for one in requests
        if one.row.optimization_succeeded
        and one.row.cost_original_usd is not None
        and one.row.cost_usd is not None
    ]


def _users(requests: Iterable[Request]) -> int:
    return len({one.user for one in requests})


def _sessions(requests: Iterable[Request]) -> int:
    return len({(one.user, one.session) for one in requests})


def _errors(requests: Iterable[Request]) -> list[Decimal]:
    return [
        abs(one.row.cost_usd - one.expected)
        for one in requests
        if one.row.cost_usd is not None and one.expected is not None
    ]


def _attempted(requests: Iterable[Request]) -> list[Request]:
    return [one for one in requests if one.row.optimization_succeeded is not None]


def _succeeded(requests: Iterable[Request]) -> list[Request]:
    return [one for one in requests if one.row.optimization_succeeded]


OF_REQUESTS: Mapping[str, Callable[[Sequence[Request]], Decimal | None]] = {
    "requests": lambda those: Decimal(len(those)),
    "tokens": lambda those: Decimal(sum(one.row.tokens_used or 0 for one in those)),
    "cost_usd": lambda those: sum((one.row.cost_usd or Decimal(0) for one in those), Decimal(0)),
    "cost_savings_usd": saved,
    "cost_savings_per_user_usd": lambda those: ratio(saved(those), _users(those)),
    "cost_reduction_percent": lambda those: percent(
        saved(those), sum((before for before, _ in _priced(those)), Decimal(0))
    ),
    "active_users": lambda those: Decimal(_users(those)),
    "optimized_users_percent": lambda those: percent(_users(_succeeded(those)), _users(those)),
    "optimization_success_percent": lambda those: percent(len(_succeeded(those)), len(_attempted(those))),
    "cost_accuracy_percent": lambda those: percent(
        sum(error <= MICRODOLLAR for error in _errors(those)), len(_errors(those))
    ),
    "cost_error_usd": lambda those: sum(_errors(those), Decimal(0)),
    "cost_feature_sessions_percent": lambda those: percent(_sessions(_attempted(those)), _sessions(those)),
}


def _engagement(requests: Sequence[Request], events: Sequence[Event]) -> Decimal | None:
    active = {one.user for one in requests}
    used = {event.user for event in events if isinstance(event.row, FeatureUse)}
    return percent(len(active & used), len(active))


def _delivered(events: Sequence[Event]) -> Decimal | None:
    followed = [event.row for event in events if isinstance(event.row, Delivery)]
    return percent(sum(row.events_delivered for row in followed), sum(row.events_owed for row in followed))


def _slowest(events: Sequence[Event]) -> Decimal | None:
    times = sorted(
        event.row.slowest_ms
        for event in events
        if isinstance(event.row, Delivery) and event.row.slowest_ms is not None
    )
    return times[95 * len(times) // 100] if times else None


def _at_limit(events: Sequence[Event]) -> Decimal:
    left = {
        event.user
        for event in events
        if isinstance(event.row, Subscription) and event.row.kind == "cancelled"
    }
    spent = {
        event.user
        for event in events
        if isinstance(event.row, Alert) and event.row.level == "exceeded" and event.plan != "enterprise"
    }
    return Decimal(len(spent - left))


def _satisfied(events: Sequence[Event]) -> Decimal | None:
    scores = [event.row.score for event in events if isinstance(event.row, Answer)]
    return percent(sum(score >= 4 for score in scores), len(scores))


def _counted(events: Sequence[Event], *kinds: type) -> Decimal:
    return Decimal(sum(isinstance(event.row, kinds) for event in events))


def _incidents(events: Sequence[Event], wanted: Callable[[Incident], bool]) -> Decimal:
    return Decimal(sum(isinstance(event.row, Incident) and wanted(event.row) for event in events))


OF_EVENTS: Mapping[str, Callable[[Sequence[Event]], Decimal | None]] = {
    "websocket_delivery_percent": _delivered,
    "websocket_latency_p95_ms": _slowest,
    "budget_alerts": lambda those: _counted(those, Alert),
    "session_isolation_breaches": lambda those: _incidents(
        those, lambda row: row.kind == "session_isolation_breach"
    ),
    "critical_failures": lambda those: _incidents(those, lambda row: row.severity == "critical"),
    "cost_feature_users": lambda those: Decimal(
        len({event.user for event in those if isinstance(event.row, FeatureUse)})
    ),
}
OF_CUSTOMERS: Mapping[str, Callable[[Sequence[Event]], Decimal | None]] = {
    "upsell_opportunities": _at_limit,
    "satisfaction_percent": _satisfied,
    "enterprise_enquiries": lambda those: _counted(those, Enquiry),
    "free_to_paid_conversions": lambda those: _counted(those, User),
}
