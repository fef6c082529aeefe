"""The demonstration's customer records reach the KPIs and the review of the targets."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from sandbox.demo.customers import note_customers
from sandbox.supervisor.settings import REPOSITORY, Settings
from sandbox.users.identities import user_ids
from tests.integration.slipway.kpi.rollup import Rollup

pytestmark = pytest.mark.sandbox
PEOPLE = REPOSITORY / "include" / "sql" / "postgres" / "seed" / "0002_people.sql"
SECONDS = 15


def test_what_is_noted_about_the_users_becomes_revenue_and_conversion(
    blank_source: psycopg.Connection, rollup: Rollup, postgres_server: Settings
) -> None:
    blank_source.execute(PEOPLE.read_bytes(), {"ids": user_ids()})
    began = time.monotonic()
    written = note_customers(postgres_server)
    assert time.monotonic() - began < SECONDS
    ((noted,),) = blank_source.execute(
        "SELECT (SELECT count(*) FROM subscription_event) + (SELECT count(*) FROM satisfaction_answer) "
        "+ (SELECT count(*) FROM enterprise_enquiry)"
    )
    assert noted == written > 0
    ((future,),) = blank_source.execute("SELECT count(*) FROM users WHERE converted_at > now()")
    assert future == 0

    today = datetime.now(UTC).date().isoformat()
    rollup.run(today, skip=("source.quality", "check.quality"))
    value = {key: row[0] for key, row in rollup.kpis(today).items() if key[1] == "all"}
    ((monthly,),) = blank_source.execute(
        "SELECT sum(mrr_usd) FROM (SELECT DISTINCT ON (user_id) mrr_usd FROM subscription_event "
        "ORDER BY user_id, occurred_at DESC) AS newest"
    )
    assert value["arr_usd", "all"] == 12 * monthly > 0
    assert Decimal(0) < value["free_to_paid_conversion_percent", "all"] < Decimal(100)
