"""Who met a revision, counted in the product's own tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from slipway.exceptions import DatabaseNotReady
from slipway.hooks.postgres.product_records import Met, ProductRecordsHook

from tests.integration.slipway.hooks.postgres.migrating import CONNECTION, PRODUCT, migrate

pytestmark = pytest.mark.sandbox

BEGAN = datetime(2026, 3, 2, 10, tzinfo=UTC)
BAD, GOOD = "netra-backend-prod-v1-2-0-e7d5c3", "netra-backend-prod-v1-1-0-5e4983"


def hook() -> ProductRecordsHook:
    return ProductRecordsHook(CONNECTION, answer_seconds=5)


def test_users_and_sessions_are_counted_once_from_all_that_names_the_revision(empty_database: str) -> None:
    migrate(PRODUCT)
    ada, ben, eve = uuid4(), uuid4(), uuid4()
    usage = [
        (ada, "s1", BAD, 1),
        (ada, "s1", BAD, 2),
        (ada, "s2", BAD, 3),
        (ben, "s1", BAD, 3),
        (eve, "s1", GOOD, 3),
        (eve, "s1", BAD, -1),  # a smoke test, before it had traffic
    ]
    with psycopg.connect(empty_database, autocommit=True) as connection:
        for user, session, revision, second in usage:
            connection.execute(
                "INSERT INTO token_usage_tracking (id, user_id, session_key, revision, created_at)"
                " VALUES (gen_random_uuid(), %s, %s, %s, %s)",
                (user, session, revision, (BEGAN + timedelta(seconds=second)).replace(tzinfo=None)),
            )
        connection.execute(
            "INSERT INTO platform_incident (id, user_id, revision, kind, severity, created_at)"
            " VALUES (gen_random_uuid(), %s, %s, 'failure', 'critical', %s),"
            " (gen_random_uuid(), NULL, %s, 'failure', 'critical', %s)",
            (eve, BAD, BEGAN.replace(tzinfo=None), BAD, BEGAN.replace(tzinfo=None)),
        )
    assert hook().who_met([BAD], since=BEGAN) == Met(requests=4, users=3, sessions=3)
    assert hook().who_met([], since=BEGAN) == Met(requests=0, users=0, sessions=0)
    assert hook().who_met([BAD, GOOD], since=BEGAN) == Met(requests=5, users=3, sessions=4)


def test_a_product_without_such_records_says_so(empty_database: str) -> None:
    with pytest.raises(DatabaseNotReady, match=f"connection {CONNECTION}.*token_usage_tracking"):
        hook().who_met([BAD], since=BEGAN)
