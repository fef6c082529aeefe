"""The whole past: every row, and which of them come late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from sandbox.history.people import Person, make_newcomer, make_people
from sandbox.history.plans import PriceBook
from sandbox.history.releases import Serving
from sandbox.history.rows import TABLES, Deletion, Incident, Price, Row, Subscription, Usage, User
from sandbox.history.traffic import Traffic

Rows = Mapping[type[Row], Sequence[Row]]
# Every so manieth of the last days' rows comes late.
LATE: Mapping[type[Row], int] = {Usage: 20, Subscription: 1}


@dataclass(frozen=True)
class Recipe:
    """What a past is made from.

    :param first: its first UTC day.
    :param days: how many days it has.
    :param users: how many customers, unless their ids are given.
    :param ids: the customers' ids.
    :param serving: which revision answers when.
    :param optimized_from: number of the day from which on requests are optimized.
    :param breaches: breaches of session isolation; there should be none.
    :param late_days: of so many days at the end a part of the requests and all subscriptions come late; and
        one who signed up on them asks to be forgotten.
    """

    seed: int
    first: date
    days: int
    users: int = 0
    ids: Sequence[UUID] = ()
    serving: Serving = field(default_factory=lambda: Serving("netra-backend-prod-00001-aaa"))
    optimized_from: int = 0
    breaches: int = 0
    late_days: int = 0


@dataclass(frozen=True)
class Past:
    """Rows by table.

    :param there: what is there when the days are rolled up first.
    :param late: what comes afterwards, about the same days: requests, subscriptions, and one who asked to be
        forgotten.
    """

    recipe: Recipe
    there: Rows
    late: Rows

    @property
    def days(self) -> list[date]:
        """The UTC days of the past."""
        return [self.recipe.first + timedelta(days=number) for number in range(self.recipe.days)]

    @property
    def all(self) -> Rows:
        """What is there in the end."""
        return {table: [*self.there[table], *self.late[table]] for table in TABLES}


def make_past(recipe: Recipe) -> Past:
    """Make a past; the same recipe makes the same."""
    dice = Random(recipe.seed)  # noqa: S311 - made up, not secret
    first = datetime.combine(recipe.first, time())
    ids = recipe.ids or [UUID(int=dice.getrandbits(128)) for _ in range(recipe.users)]
    people = make_people(dice, ids, first, recipe.days)
    end = first + timedelta(days=recipe.days)
    late_from = end - timedelta(days=recipe.late_days)
    if recipe.late_days:
        people[-1] = make_newcomer(dice, people[-1].id, late_from + timedelta(hours=30))
    book = prices(first, recipe.days)
    traffic = Traffic(dice, book, recipe.serving, first + timedelta(days=recipe.optimized_from))
    rows: dict[type[Row], list[Row]] = {table: [] for table in TABLES}
    rows[User] = [person.row() for person in people]
    rows[Price] = [Price(*price) for price in book.prices]
    rows[Subscription] = [event for person in people for event in person.history]
    for number in range(recipe.days):
        midnight = first + timedelta(days=number)
        for person in people:
            for row in traffic.day(person, midnight, number):
                if first <= moment(row) < end:
                    rows[type(row)].append(row)
        # The edges of the UTC day: its first microsecond and its last.
        for at in (midnight, midnight + timedelta(days=1) - timedelta(microseconds=1)):
            for row in traffic.request(people[number % len(people)], "edge", at):
                rows[type(row)].append(row)
    for number in range(recipe.breaches):
        at = first + timedelta(days=number * recipe.days // recipe.breaches, hours=12)
        breach = UUID(int=dice.getrandbits(128))
        revision = recipe.serving.stable(at)
        rows[Incident].append(Incident(breach, None, revision, "session_isolation_breach", "critical", at))
    return _split(recipe, rows, late_from, people)


def moment(row: Row) -> datetime:
    """Return when what a row tells happened (UTC)."""
    at = row[-1] if isinstance(row, tuple) else None
    if not isinstance(at, datetime):
        raise TypeError(f"{type(row).__name__} has no moment")
    return at


def prices(first: datetime, days: int) -> PriceBook:
    """Return prices that change twice in the past: at a noon, and at a midnight."""
    noon, midnight = first + timedelta(days=days // 3, hours=12), first + timedelta(days=2 * days // 3)
    return PriceBook(
        [
            ("gpt-4", datetime(2020, 1, 1), Decimal("0.00003")),  # noqa: DTZ001 - UTC, as in the tables
            ("gpt-3.5-turbo", datetime(2020, 1, 1), Decimal("0.0000015")),  # noqa: DTZ001
            ("gpt-4", noon, Decimal("0.000025")),
            ("gpt-3.5-turbo", midnight, Decimal("0.00000125")),
        ]
    )


def _split(
    recipe: Recipe, rows: Mapping[type[Row], list[Row]], late_from: datetime, people: Sequence[Person]
) -> Past:
    there: dict[type[Row], list[Row]] = {table: [] for table in TABLES}
    late: dict[type[Row], list[Row]] = {table: [] for table in TABLES}
    for table, made in rows.items():
        for number, row in enumerate(made):
            share = LATE.get(table)
            is_late = share is not None and number % share == 0 and moment(row) >= late_from
            (late if is_late else there)[table].append(row)
    if recipe.late_days:
        late[Deletion].append(Deletion(people[-1].id, late_from + timedelta(days=recipe.late_days)))
    return Past(recipe, there, late)
