"""What billing, support and sales have noted about the users, written once the release made its tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg

from sandbox.databases import postgres
from sandbox.history.loading import load
from sandbox.history.past import Recipe, make_past, moment
from sandbox.history.rows import Answer, Enquiry, Row, Subscription, User
from sandbox.supervisor.settings import Settings
from sandbox.users.identities import user_ids

SEED, DAYS = 6, 14
_NOTED: tuple[type[Row], ...] = (Subscription, Answer, Enquiry)
_MAKE = "CREATE TEMPORARY TABLE noted_user (LIKE users INCLUDING DEFAULTS) ON COMMIT DROP"
_TAKE = """
UPDATE users
SET plan = noted_user.plan, monthly_budget_usd = noted_user.monthly_budget_usd,
    created_at = noted_user.created_at, converted_at = noted_user.converted_at
FROM noted_user
WHERE noted_user.id = users.id
"""


def note_customers(settings: Settings) -> int:
    """Write the records of the last fortnight up to now into the production database.

    Requests are not among them: those are the simulated users' own.

    :param settings: where the sandbox lives, and its ports.
    :return: how many records.
    """
    now = datetime.now(UTC)
    first = now.date() - timedelta(days=DAYS - 1)
    past = make_past(Recipe(SEED, first, DAYS, ids=user_ids()))
    until_now = now.replace(tzinfo=None)
    noted = {table: [row for row in past.there[table] if moment(row) <= until_now] for table in _NOTED}
    known = {row.user_id for row in noted[Subscription] if isinstance(row, Subscription)}
    people = [
        row if row.id in known or row.converted_at is None else row._replace(plan="free", converted_at=None)
        for row in past.there[User]
        if isinstance(row, User)
    ]
    with psycopg.connect(postgres.uri(settings, "netra_production")) as connection:
        connection.execute(_MAKE)
        with connection.cursor() as cursor:
            with cursor.copy(
                b"COPY noted_user (id, plan, monthly_budget_usd, created_at, converted_at) FROM STDIN"
            ) as copy:
                for person in people:
                    copy.write_row(person)
            cursor.execute(_TAKE)
        return load(connection, noted)
