"""What a user has used this month, and how that stands to their budget."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from sandbox.platform.configuration import AlertThresholds


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over requests; money in dollars."""

    requests: int = 0
    tokens_original: int = 0
    tokens_used: int = 0
    cost_original_usd: Decimal = Decimal(0)
    cost_usd: Decimal = Decimal(0)

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.requests + other.requests,
            self.tokens_original + other.tokens_original,
            self.tokens_used + other.tokens_used,
            self.cost_original_usd + other.cost_original_usd,
            self.cost_usd + other.cost_usd,
        )

    def __sub__(self, other: Totals) -> Totals:
        return Totals(
            self.requests - other.requests,
            self.tokens_original - other.tokens_original,
            self.tokens_used - other.tokens_used,
            self.cost_original_usd - other.cost_original_usd,
            self.cost_usd - other.cost_usd,
        )


NOTHING = Totals()


@dataclass(slots=True)
class Account:
    """One user's month: what is in the database, and what this process has not written yet.

    :param limit_usd: the user's monthly budget.
    :param month: first instant of the month the totals belong to (UTC, naive as in the database).
    :param settled: rows older than ``settled_until``; they no longer change.
    :param recent: rows from ``settled_until`` on, as last read.
    :param pending: this process's own usage that was not in the database when it was last read.
    """

    user_id: UUID
    limit_usd: Decimal
    month: datetime
    settled_until: datetime
    settled: Totals = NOTHING
    recent: Totals = NOTHING
    pending: Totals = NOTHING
    refreshed_at: float = field(default=float("-inf"))
    alert: str | None = None

    @property
    def totals(self) -> Totals:
        """Month to date."""
        return self.settled + self.recent + self.pending

    @property
    def spent_usd(self) -> Decimal:
        """Month-to-date cost."""
        return self.settled.cost_usd + self.recent.cost_usd + self.pending.cost_usd

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left of the month's budget."""
        return self.spent_usd >= self.limit_usd

    def turn_month(self, month: datetime) -> None:
        """Begin a new month with nothing used."""
        self.month = self.settled_until = month
        self.settled = self.recent = self.pending = NOTHING
        self.alert = None


def month_start(moment: datetime) -> datetime:
    """Return the first instant of the moment's month."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def utc_now() -> datetime:
    """Return the present in UTC without a zone, as the database stores it."""
    return datetime.now(UTC).replace(tzinfo=None)


def alert_level(spent_usd: Decimal, limit_usd: Decimal, thresholds: AlertThresholds) -> str | None:
    """Return ``exceeded`` when the budget is spent, else the highest cost alert threshold that is reached."""
    if spent_usd >= limit_usd:
        return "exceeded"
    if spent_usd >= thresholds.high:
        return "high"
    if spent_usd >= thresholds.medium:
        return "medium"
    if spent_usd >= thresholds.low:
        return "low"
    return None
