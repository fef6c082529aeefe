"""A made-up past, its releases on record, and the comparison of what is published with its truth."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import psycopg
from slipway.ledger.entries import ReleaseClosed, ReleaseOpened, TrafficShifted
from slipway.ledger.ledger import Ledger
from slipway.policy.release import load_policy
from slipway.release.request import plan_release

from sandbox.databases import postgres
from sandbox.history.past import Past, Recipe, Rows, make_past
from sandbox.history.releases import Release, Serving, Step
from sandbox.history.rows import Usage
from sandbox.history.truth import Kpis, Truth
from sandbox.history.windows import Windows
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.kpi.rollup import Rollup

LATE_DAYS = 4
FIRST_REVISION = "netra-backend-prod-00001-aaa"
# Version, after which share of the days, whether it was promoted. Each canary goes over midnight.
RELEASES = (("1.1.0", Fraction(2, 5), True), ("1.2.0", Fraction(5, 6), False))


def make_known_past(ledger: Ledger, settings: Settings, *, days: int, users: int, seed: int = 6) -> Past:
    """Make a past that ended lately, with a release promoted and one rolled back, both on record."""
    # A Monday, so that the same seed meets the same weekdays on any day.
    first = datetime.now(UTC).date() - timedelta(days=days + 1)
    first -= timedelta(days=first.weekday())
    releases = [
        _release(
            ledger,
            settings,
            version,
            datetime.combine(first + timedelta(days=int(days * share)), time(14)),
            promoted,
        )
        for version, share, promoted in RELEASES
    ]
    recipe = Recipe(
        seed=seed,
        first=first,
        days=days,
        users=users,
        serving=Serving(FIRST_REVISION, releases),
        optimized_from=4,
        breaches=2,
        late_days=LATE_DAYS,
    )
    return make_past(recipe)


def make_days(first: date, days: int, *, users: int = 0, ids: Sequence[uuid.UUID] = ()) -> Past:
    """Make some days without a release, each with a request in its first and in its last microsecond.

    :param ids: the customers' ids, if they are there already.
    """
    past = make_past(Recipe(seed=6, first=first, days=days, users=users, ids=ids))
    return replace(past, there=complete(past.there))


def complete(rows: Rows) -> Rows:
    """Leave out the requests that lack a figure: in so small a day they are more than may be published."""
    return {**rows, Usage: [row for row in usage_of(rows) if None not in row]}


def usage_of(rows: Rows, day: date | None = None) -> list[Usage]:
    """Return the requests, or those of a day."""
    return [row for row in rows[Usage] if isinstance(row, Usage) and day in (None, row.created_at.date())]


def repeated(usage: Sequence[Usage]) -> list[Usage]:
    """Return requests like these once more, as new ones."""
    return [row._replace(id=uuid.uuid4()) for row in usage]


def _release(ledger: Ledger, settings: Settings, version: str, at: datetime, promoted: bool) -> Release:
    policy = load_policy("release.yaml")
    plan = plan_release(
        {"version": version},
        run_id=f"known-{version}",
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    steps = [Step(at, "canary", 20)]
    if promoted:
        steps += [
            Step(at + timedelta(hours=12), "gradual_increase", 50),
            Step(at + timedelta(hours=16), "full_rollout", 100),
        ]
    ended = steps[-1].at + timedelta(hours=11)
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable={"netra-backend-prod": {"old": 100}}))
    shifts = [TrafficShifted(phase=step.phase, at=step.at, changes={}) for step in steps]
    for shift in shifts:
        ledger.append(plan.release_id, shift)
    moments = {shift.key: shift.at for shift in shifts} | {ReleaseClosed.KEY: ended}
    ledger.close(plan.release_id, outcome="promoted" if promoted else "rolled_back", reason="a test")
    with psycopg.connect(postgres.uri(settings, "slipway"), autocommit=True) as connection:
        connection.execute("ALTER TABLE ledger_entry DISABLE TRIGGER ALL")
        for key, moment in moments.items():
            connection.execute(
                "UPDATE ledger_entry SET at = %s WHERE release_id = %s AND key = %s",
                (moment.replace(tzinfo=UTC), plan.release_id, key),
            )
    return Release(version, plan.progressive.revisions["production"], steps, ended, promoted)


def published(rollup: Rollup, days: Sequence[date]) -> dict[date, Kpis]:
    """Return every KPI that a reader of the view finds, by day."""
    found: dict[date, Kpis] = {day: {} for day in days}
    for day, kpi, dim, value in rollup.query("SELECT as_of, kpi, dim, value FROM kpi.kpi"):
        assert (kpi, dim) not in found[day], f"{day} {kpi} {dim} is there twice"
        found[day][kpi, dim] = value
    return found


def expected(truth: Truth, days: Sequence[date]) -> dict[date, Kpis]:
    """Return every KPI of the truth, those over several days too, by day."""
    windows = Windows(truth, days)
    return {day: truth.day(day) | windows.day(day) for day in days}


def differences(found: dict[date, Kpis], wanted: dict[date, Kpis]) -> list[str]:
    """Say where two sets of KPIs differ, in one line each."""
    missing = object()
    return [
        f"{day} {kpi} {dim}: published {there}, truth {true}"
        for day in wanted
        for kpi, dim in sorted(found[day].keys() | wanted[day].keys())
        if (there := found[day].get((kpi, dim), missing)) != (true := wanted[day].get((kpi, dim), missing))
    ]


def shape(kpis: Kpis) -> tuple[int, Decimal | None]:
    """Return what :func:`watched` sees of a whole day: how many daily KPIs, and what the requests cost."""
    return len(kpis), kpis["cost_usd", "all"]


@contextmanager
def watched(rollup: Rollup) -> Iterator[set[tuple[Any, ...]]]:
    """Read every day again and again, as others would meanwhile.

    :return: what was seen: day, how many KPIs, what the requests cost.
    """
    stop, seen = threading.Event(), set[tuple[Any, ...]]()

    def poll() -> None:
        reader = Rollup(rollup._settings)
        while not stop.is_set():
            seen.update(
                reader.query(
                    "SELECT as_of, count(), sumIf(value, kpi = 'cost_usd' AND dim = 'all') "
                    "FROM kpi.kpi_daily GROUP BY as_of"
                )
            )
            # Ten looks a second: each costs the server as much as a statement of the rollup.
            stop.wait(0.1)
        reader.close()

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(30)
