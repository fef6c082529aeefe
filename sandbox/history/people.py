"""The customers: when they came, what they paid, whether they left or nearly did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from sandbox.history.plans import PLANS
from sandbox.history.rows import Subscription, User

# Minutes east of Greenwich: customers sleep and work at different times of the UTC day.
ZONES = (-480, -300, 0, 60, 330, 540)
DEARER = Decimal("1.20")


@dataclass
class Person:
    """One customer.

    :param created_at: when they signed up (UTC).
    :param zone: their time zone.
    :param quiet: the days of the past on which they hardly use the product: those who leave, and those who
        come back.
    """

    id: UUID
    created_at: datetime
    zone: timedelta
    quiet: range
    history: list[Subscription] = field(default_factory=list)
    converted_at: datetime | None = None
    first_plan: str = "free"

    def plan(self, at: datetime) -> str:
        """Return the plan at a moment."""
        held = [event.plan for event in self.history if event.occurred_at <= at]
        if held:
            return held[-1]
        return "free" if self.history else self.first_plan

    def row(self) -> User:
        """Return the row of the product's table, as of today."""
        plan = self.history[-1].plan if self.history else self.first_plan
        converted = self.converted_at.replace(tzinfo=UTC) if self.converted_at else None
        return User(self.id, plan, PLANS[plan].budget_usd, self.created_at.replace(tzinfo=UTC), converted)


def make_people(dice: Random, ids: Sequence[UUID], first: datetime, days: int) -> list[Person]:
    """Make customers, of whom most were there before the past begins.

    :param dice: seeded source of chance.
    :param ids: ids of the users to make.
    :param first: beginning of the past (UTC).
    :param days: how many days.
    """
    return [_person(dice, user, first, days) for user in ids]


def make_newcomer(dice: Random, user: UUID, at: datetime) -> Person:
    """Make a customer who signed up a day before a moment (UTC) and pays from then on."""
    person = Person(user, at - timedelta(days=1), timedelta(0), range(0), converted_at=at)
    number = UUID(int=dice.getrandbits(128))
    person.history.append(Subscription(number, user, "started", "pro", PLANS["pro"].mrr_usd, at))
    return person


def _person(dice: Random, user: UUID, first: datetime, days: int) -> Person:
    end = first + timedelta(days=days)
    created = first + timedelta(seconds=dice.randrange(-80 * 86_400, days * 86_400 // 2))
    quiet = range(0)
    if dice.random() < 0.2:
        begins = dice.randrange(days)
        # Half of them come back after a fortnight; the others have left without saying so.
        quiet = range(begins, begins + 14 if dice.random() < 0.5 else days)
    person = Person(user, created, timedelta(minutes=dice.choice(ZONES)), quiet)
    if dice.random() < 0.1:
        # Customers of old, whom billing has no history of.
        person.first_plan = dice.choice(["pro", "enterprise"])
    elif dice.random() < 0.55:
        _subscribe(dice, person, end)
    return person


def _subscribe(dice: Random, person: Person, end: datetime) -> None:
    def note(kind: str, plan: str, mrr_usd: Decimal, at: datetime) -> bool:
        if at >= end:
            return False
        number = UUID(int=dice.getrandbits(128))
        person.history.append(Subscription(number, person.id, kind, plan, mrr_usd, at))
        return True

    at = person.created_at + timedelta(seconds=dice.randrange(86_400, 45 * 86_400))
    plan = dice.choice(["pro", "pro", "enterprise"])
    if not note("started", plan, PLANS[plan].mrr_usd, at):
        return
    person.converted_at = at
    at += timedelta(seconds=dice.randrange(86_400, 30 * 86_400))
    if dice.random() < 0.3:
        # An upgrade, or the same plan at next year's price.
        now = "enterprise" if plan == "pro" else plan
        price = PLANS[now].mrr_usd if now != plan else (PLANS[now].mrr_usd * DEARER).quantize(Decimal("0.01"))
        if not note("changed", now, price, at):
            return
        at += timedelta(seconds=dice.randrange(86_400, 20 * 86_400))
    if dice.random() < 0.3 and note("cancelled", "free", Decimal(0), at) and dice.random() < 0.3:
        # Some change their minds.
        note("started", "pro", PLANS["pro"].mrr_usd, at + timedelta(seconds=dice.randrange(3600, 9 * 86_400)))
