"""What customers do on a day: sessions of requests, and what the backend notes beside them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from sandbox.history.people import Person
from sandbox.history.plans import MICRODOLLAR, PLANS, PriceBook
from sandbox.history.releases import Serving
from sandbox.history.rows import Alert, Answer, Delivery, Enquiry, FeatureUse, Incident, Row, Usage

# Weights of the local hours, and of the weekdays from Monday on.
HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 18, 16, 12, 15, 18, 17, 14, 10, 8, 7, 6, 4, 3, 2)
WEEKDAYS = (1.0, 1.05, 1.1, 1.0, 0.85, 0.35, 0.3)
MODELS = ("gpt-4", "gpt-4", "gpt-3.5-turbo", "gpt-3.5-turbo", "gpt-3.5-turbo", None)
AGENTS = ("triage", "data", "optimizer", "report")
LEVELS = (
    ("low", Decimal("0.5")),
    ("medium", Decimal("0.75")),
    ("high", Decimal("0.9")),
    ("exceeded", Decimal(1)),
)
EVENTS_OWED = 4


class Traffic:
    """Makes the days of customers.

    :param dice: seeded source of chance.
    :param prices: the price book.
    :param serving: which revision answers when.
    :param optimized_from: moment (UTC) from which on requests are optimized.
    """

    def __init__(self, dice: Random, prices: PriceBook, serving: Serving, optimized_from: datetime) -> None:
        self._dice = dice
        self._prices = prices
        self._serving = serving
        self._optimized_from = optimized_from
        # Each customer's spending of the UTC day.
        self._spent: dict[tuple[UUID, int], Decimal] = {}

    def day(self, person: Person, midnight: datetime, number: int) -> Iterator[Row]:
        """Make one day of a customer.

        :param person: the user.
        :param midnight: its beginning (UTC).
        :param number: the day's number in the past.
        """
        dice = self._dice
        if person.created_at >= midnight + timedelta(days=1):
            return
        mean = PLANS[person.plan(midnight)].sessions * WEEKDAYS[midnight.weekday()]
        if number in person.quiet:
            mean *= 0.05
        for session in range(int(mean) + (dice.random() < mean % 1)):
            hour = dice.choices(range(24), HOURS)[0]
            began = midnight + timedelta(hours=hour, seconds=dice.randrange(3600)) - person.zone
            yield from self._session(person, began, f"{person.id}:{number}-{session}")
        yield from self._around(person, midnight)

    def request(self, person: Person, key: str, at: datetime) -> Iterator[Row]:
        """Make one request, and what the backend notes beside it."""
        usage = self._usage(person.id, key, at)
        yield usage
        revision = usage.revision or self._serving.stable(at)
        dice = self._dice
        if dice.random() < 0.6:
            yield self._delivery(person.id, revision, at)
        if usage.optimization_succeeded is False and dice.random() < 0.3:
            yield Incident(self._id(), person.id, revision, "optimizer_failed", "warning", at)
        if dice.random() < 0.0005:
            yield Incident(self._id(), None, revision, "database_unreachable", "critical", at)
        yield from self._alerts(person, revision, usage.cost_usd or Decimal(0), at)

    def _session(self, person: Person, at: datetime, key: str) -> Iterator[Row]:
        for _ in range(1 + int(self._dice.expovariate(0.35))):
            yield from self.request(person, key, at)
            at += timedelta(seconds=self._dice.expovariate(1 / 90))

    def _usage(self, user: UUID, key: str, at: datetime) -> Usage:
        dice = self._dice
        model, original = dice.choice(MODELS), dice.randrange(50, 4000)
        before = self._prices.cost(model, original, at)
        succeeded = None
        if at >= self._optimized_from and dice.random() < 0.9:
            succeeded = dice.random() < 0.92
        # Now and then an optimization makes a prompt longer: savings are not floored.
        used = original * dice.randrange(70, 103) // 100 if succeeded else original
        cost = self._prices.cost(model, used, at)
        if cost is not None and dice.random() < 0.005:
            cost += dice.randrange(1, 90) * MICRODOLLAR
        elif dice.random() < 0.0005:
            cost = None
        known = succeeded is not None and dice.random() > 0.03
        return Usage(
            id=self._id(),
            user_id=user,
            session_key=key,
            agent_name=dice.choice(AGENTS),
            model=model,
            revision=self._serving.answers(at, dice) if dice.random() > 0.01 else None,
            tokens_used=used if dice.random() > 0.0005 else None,
            tokens_original=original if known else None,
            cost_usd=cost,
            cost_original_usd=before if known else None,
            optimization_applied=bool(succeeded),
            optimization_succeeded=succeeded,
            created_at=at,
        )

    def _delivery(self, user: UUID, revision: str, at: datetime) -> Delivery:
        dice = self._dice
        delivered = EVENTS_OWED if dice.random() > 0.01 else dice.randrange(EVENTS_OWED)
        slowest = None if delivered == 0 else Decimal(int(dice.lognormvariate(3.4, 0.8) * 1000)).scaleb(-3)
        return Delivery(self._id(), user, revision, EVENTS_OWED, delivered, slowest, at)

    def _alerts(self, person: Person, revision: str, cost: Decimal, at: datetime) -> Iterator[Row]:
        limit = PLANS[person.plan(at)].daily_limit_usd
        before = self._spent.get((person.id, at.toordinal()), Decimal(0))
        now = self._spent[person.id, at.toordinal()] = before + cost
        for level, share in LEVELS:
            if before < share * limit <= now:
                yield Alert(self._id(), person.id, revision, level, now, at)

    def _around(self, person: Person, midnight: datetime) -> Iterator[Row]:
        dice = self._dice

        def moment() -> datetime:
            return midnight + timedelta(microseconds=dice.randrange(86_400_000_000))

        at = moment()
        if dice.random() < (0.08 if person.plan(at) == "free" else 0.3):
            feature = dice.choice(["costs", "budget"])
            yield FeatureUse(self._id(), person.id, self._serving.answers(at, dice), feature, at)
        if dice.random() < 0.03:
            score = dice.choices((1, 2, 3, 4, 5), (1, 1, 4, 40, 54))[0]
            yield Answer(self._id(), person.id, "cost_visibility", score, moment())
        if dice.random() < 0.008:
            asks = person.id if dice.random() < 0.6 else None
            yield Enquiry(self._id(), asks, dice.choice(["web", "sales"]), moment())

    def _id(self) -> UUID:
        return UUID(int=self._dice.getrandbits(128))
