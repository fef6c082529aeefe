"""The plans a customer can be on, and what a token costs when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

MICRODOLLAR = Decimal("0.000001")


@dataclass(frozen=True)
class Plan:
    """One plan.

    :param mrr_usd: what it earns in a month.
    :param budget_usd: what its users may spend in a month.
    :param daily_limit_usd: what its users may spend in a day; they are warned on the way there.
    :param sessions: mean sessions of a user on a working day.
    """

    mrr_usd: Decimal
    budget_usd: int
    daily_limit_usd: Decimal
    sessions: float


PLANS: Mapping[str, Plan] = {
    "free": Plan(Decimal(0), 100, Decimal("0.25"), 0.9),
    "pro": Plan(Decimal("49.90"), 250, Decimal("0.60"), 1.6),
    "enterprise": Plan(Decimal("350.00"), 1000, Decimal("3.00"), 3.0),
}


class PriceBook:
    """What a prompt token of a model costs from a moment on.

    :param prices: model, moment (UTC) and USD per token, in the order of the moments.
    """

    def __init__(self, prices: Sequence[tuple[str, datetime, Decimal]]) -> None:
        self.prices = prices

    def price(self, model: str | None, at: datetime) -> Decimal | None:
        """Return the price that holds at a moment; None for a model that has none yet."""
        held = [price for name, since, price in self.prices if name == model and since <= at]
        return held[-1] if held else None

    def cost(self, model: str | None, tokens: int | None, at: datetime) -> Decimal | None:
        """Return what tokens cost at a moment, rounded half up to a microdollar."""
        price = self.price(model, at)
        if price is None or tokens is None:
            return None
        return (tokens * price).quantize(MICRODOLLAR, ROUND_HALF_UP)
