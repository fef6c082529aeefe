"""Requests and events as a KPI sees them: whose they are, what they should have cost, where they count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from sandbox.history.past import Rows, moment
from sandbox.history.plans import PriceBook
from sandbox.history.releases import Serving
from sandbox.history.rows import (
    Alert,
    Answer,
    Delivery,
    Enquiry,
    FeatureUse,
    Incident,
    Price,
    Row,
    Subscription,
    Usage,
    User,
)
from sandbox.history.standing import Standing

NOBODY = UUID(int=0)
EVENTS = (Delivery, Alert, Incident, FeatureUse, Subscription, Answer, Enquiry)


@dataclass(frozen=True)
class Request:
    """One request.

    :param user: whose it is; nobody's when they asked to be forgotten.
    :param expected: what it should have cost; None when that cannot be said.
    """

    row: Usage
    user: UUID
    session: str
    expected: Decimal | None
    dimensions: tuple[str, ...]


@dataclass(frozen=True)
class Event:
    """One event; the row of a user stands for their conversion."""

    row: Row
    at: datetime
    user: UUID
    plan: str
    dimensions: tuple[str, ...]


def seen_requests(rows: Rows, serving: Serving, standing: Standing) -> Iterator[Request]:
    """Return every request."""
    prices = [
        (row.model, row.effective_from, row.usd_per_token) for row in rows[Price] if isinstance(row, Price)
    ]
    book = PriceBook(sorted(prices, key=lambda price: price[1]))
    for row in rows[Usage]:
        if isinstance(row, Usage):
            forgotten = row.user_id in standing.forgotten
            plan = standing.plan(row.user_id, row.created_at.date())
            dimensions = [
                "all",
                f"revision={row.revision or 'unknown'}",
                f"plan={plan}",
                f"model={row.model or 'unknown'}",
                *_of_release(serving, row.revision, row.created_at),
            ]
            yield Request(
                row,
                NOBODY if forgotten else row.user_id,
                "" if forgotten else row.session_key,
                book.cost(row.model, row.tokens_used, row.created_at),
                tuple(dimensions),
            )


def seen_events(rows: Rows, serving: Serving, standing: Standing) -> Iterator[Event]:
    """Return every event, conversions among them."""
    happened = [(row, moment(row)) for kind in EVENTS for row in rows[kind]]
    happened += [
        (user, user.converted_at.astimezone(UTC).replace(tzinfo=None))
        for user in rows[User]
        if isinstance(user, User) and user.converted_at is not None
    ]
    for row, at in happened:
        asked: UUID | None = row.id if isinstance(row, User) else getattr(row, "user_id", None)
        revision: str | None = getattr(row, "revision", None)
        plan = standing.plan(asked, at.date())
        dimensions = ["all", f"plan={plan}"]
        if revision is not None:
            dimensions += [f"revision={revision}", *_of_release(serving, revision, at)]
        user_id = NOBODY if asked is None or asked in standing.forgotten else asked
        yield Event(row, at, user_id, plan, tuple(dimensions))


def _of_release(serving: Serving, revision: str | None, at: datetime) -> Iterator[str]:
    version, window = serving.version(revision), serving.window(at)
    if version:
        yield f"release={version}"
    if window is not None:
        release, step = window
        arm = "new" if revision == release.revision else "stable"
        yield f"phase={release.version}/{step.phase}/{arm}"
