"""Known usage, and its KPIs computed a second time: in Python, from the definitions, with exact decimals."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import psycopg

_MICRO = Decimal("0.000001")
PRICES = {"gpt-4": Decimal("0.00003"), "gpt-3.5-turbo": Decimal("0.0000015")}
Kpis = dict[tuple[str, str], Decimal | None]


@dataclass(frozen=True)
class Usage:
    """One row of token_usage_tracking, with the plan of its user."""

    id: uuid.UUID
    user_id: uuid.UUID
    session_key: str
    tokens_used: int
    cost_usd: Decimal
    created_at: datetime
    model: str | None
    tokens_original: int | None
    cost_original_usd: Decimal | None
    optimization_succeeded: bool | None
    revision: str | None
    plan: str

    @property
    def day(self) -> date:
        return self.created_at.date()

    @property
    def saving(self) -> tuple[Decimal, Decimal] | None:
        """Cost before and after, when this request counts for the savings."""
        if self.optimization_succeeded and self.cost_original_usd is not None:
            return self.cost_original_usd, self.cost_usd
        return None


def add_users(connection: psycopg.Connection, count: int) -> None:
    """Write users of every plan into the product's database; none has converted."""
    connection.execute(
        "INSERT INTO users (id, plan, monthly_budget_usd) "
        "SELECT md5(n::text)::uuid, (ARRAY['free', 'pro', 'enterprise'])[1 + n %% 3], 100 "
        "FROM generate_series(1, %s) AS n",
        (count,),
    )


def users(connection: psycopg.Connection) -> list[tuple[uuid.UUID, str]]:
    """Return the product's users and their plans, in a fixed order."""
    return [(row[0], row[1]) for row in connection.execute("SELECT id, plan FROM users ORDER BY id")]


def make_usage(seed: int, day: date, count: int, people: Sequence[tuple[uuid.UUID, str]]) -> list[Usage]:
    """Make a day of usage, with a request in its first and in its last microsecond."""
    dice = random.Random(seed)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    last = timedelta(days=1) - timedelta(microseconds=1)
    made = []
    for number in range(count):
        offset = timedelta(microseconds=dice.randrange(86_400_000_000))
        if number < 2:
            offset = (timedelta(0), last)[number]
        user, plan = dice.choice(people[: len(people) // 3])
        tokens = dice.randrange(50, 4000)
        succeeded = dice.choice([True, True, True, True, False, None])
        before = Decimal(dice.randrange(1, 5_000_000)) * _MICRO
        # Some optimizations cost more than they saved: savings are not floored.
        after = (before * Decimal(dice.randrange(60, 110)) / 100).quantize(_MICRO)
        made.append(
            Usage(
                id=uuid.UUID(int=dice.getrandbits(128)),
                user_id=user,
                session_key=f"{user}:{dice.randrange(3)}",
                tokens_used=tokens,
                cost_usd=after if succeeded else before,
                created_at=midnight + offset,
                model=dice.choice(["gpt-4", "gpt-3.5-turbo", None]),
                tokens_original=None if succeeded is None else tokens + dice.randrange(1000),
                cost_original_usd=None if succeeded is None or dice.random() < 0.05 else before,
                optimization_succeeded=succeeded,
                revision=dice.choice(["netra-backend-prod-00001-aaa", "netra-backend-prod-00002-bbb", None]),
                plan=plan,
            )
        )
    return made


def insert(connection: psycopg.Connection, usage: Iterable[Usage]) -> None:
    """Write usage into the product's database."""
    statement = (
        "COPY token_usage_tracking (id, user_id, session_key, agent_name, tokens_used, cost_usd, "
        "optimization_applied, created_at, model, tokens_original, cost_original_usd, "
        "optimization_succeeded, revision) FROM STDIN"
    )
    with connection.cursor().copy(statement) as copy:
        for row in usage:
            copy.write_row(
                (
                    row.id,
                    row.user_id,
                    row.session_key,
                    "agent",
                    row.tokens_used,
                    row.cost_usd,
                    bool(row.optimization_succeeded),
                    row.created_at.replace(tzinfo=None),
                    row.model,
                    row.tokens_original,
                    row.cost_original_usd,
                    row.optimization_succeeded,
                    row.revision,
                )
            )


def expected_kpis(usage: Iterable[Usage]) -> Kpis:
    """Compute the KPIs of a day's usage from their definitions; conversions are not among them."""
    rows = list(usage)
    groups: dict[str, list[Usage]] = defaultdict(list)
    groups["all"] = rows
    for row in rows:
        groups[f"revision={row.revision or 'unknown'}"].append(row)
        groups[f"plan={row.plan}"].append(row)
        groups[f"model={row.model or 'unknown'}"].append(row)
    return {(kpi, dim): formula(group) for dim, group in groups.items() for kpi, formula in _FORMULAS.items()}


def savings(rows: Iterable[Usage]) -> tuple[Decimal, Decimal]:
    """Sum the cost before and after of the requests that count for the savings."""
    pairs = [row.saving for row in rows if row.saving]
    return sum((pair[0] for pair in pairs), Decimal(0)), sum((pair[1] for pair in pairs), Decimal(0))


def _ratio(numerator: Decimal | int, denominator: Decimal | int) -> Decimal | None:
    if not denominator:
        return None
    return (Decimal(numerator) / Decimal(denominator)).quantize(_MICRO, ROUND_HALF_UP)


def _saved(rows: Sequence[Usage]) -> Decimal:
    before, after = savings(rows)
    return before - after


def _active(rows: Sequence[Usage]) -> int:
    return len({row.user_id for row in rows})


def _errors(rows: Sequence[Usage]) -> list[Decimal]:
    """How far each cost that can be checked is from tokens times the price."""
    return [abs(row.cost_usd - _expected(row)) for row in rows if row.model in PRICES]


def _expected(row: Usage) -> Decimal:
    return (row.tokens_used * PRICES[row.model or ""]).quantize(_MICRO, ROUND_HALF_UP)


def _sessions(rows: Iterable[Usage]) -> int:
    return len({(row.user_id, row.session_key) for row in rows})


_FORMULAS: dict[str, Callable[[Sequence[Usage]], Decimal | None]] = {
    "requests": lambda rows: Decimal(len(rows)),
    "tokens": lambda rows: Decimal(sum(row.tokens_used for row in rows)),
    "cost_usd": lambda rows: sum((row.cost_usd for row in rows), Decimal(0)),
    "cost_savings_usd": _saved,
    "cost_savings_per_user_usd": lambda rows: _ratio(_saved(rows), _active(rows)),
    "cost_reduction_percent": lambda rows: _ratio(100 * _saved(rows), savings(rows)[0]),
    "active_users": lambda rows: Decimal(_active(rows)),
    "optimized_users_percent": lambda rows: _ratio(
        100 * _active([row for row in rows if row.optimization_succeeded]), _active(rows)
    ),
    "optimization_success_percent": lambda rows: _ratio(
        100 * sum(bool(row.optimization_succeeded) for row in rows),
        sum(row.optimization_succeeded is not None for row in rows),
    ),
    "cost_accuracy_percent": lambda rows: _ratio(
        100 * sum(error <= _MICRO for error in _errors(rows)), len(_errors(rows))
    ),
    "cost_error_usd": lambda rows: sum(_errors(rows), Decimal(0)),
    "cost_feature_sessions_percent": lambda rows: _ratio(
        100 * _sessions([row for row in rows if row.optimization_succeeded is not None]), _sessions(rows)
    ),
}
USAGE_KPIS = frozenset(_FORMULAS)
