"""The load of the schema benchmark counts every query that was due, also those behind one that waits."""

from __future__ import annotations

import time

import psycopg
import pytest

from bench.schema.load import RATE, SESSIONS, Load
from bench.schema.server import copy, fill, server
from tests.own_sandbox import own_sandbox

pytestmark = pytest.mark.sandbox

ROWS, HELD_SECONDS = 2_000, 1.0
# Queries are due at random, five milliseconds apart on average: so long until one of them meets the lock.
FIRST_DUE_SECONDS = 0.1


def test_a_table_that_is_held_makes_every_query_wait_that_was_due_meanwhile() -> None:
    with own_sandbox() as settings, server(settings):
        fill(settings, ROWS)
        uri = copy(settings, "held")
        with Load(uri, ROWS) as load, psycopg.connect(uri) as holder:
            holder.execute("LOCK TABLE token_usage_tracking IN ACCESS EXCLUSIVE MODE")
            time.sleep(FIRST_DUE_SECONDS + HELD_SECONDS)
        broken = copy(settings, "broken")
        with Load(broken, ROWS) as failing, psycopg.connect(broken, autocommit=True) as connection:
            connection.execute("ALTER TABLE token_usage_tracking RENAME TO gone")
    waited = [seconds for seconds in load.timed.seconds if seconds > HELD_SECONDS / 2]
    # Half of those that were due in the second; a load that waits with its sessions would count one of each.
    assert len(waited) > RATE * HELD_SECONDS / 4 > SESSIONS
    assert HELD_SECONDS <= load.timed.milliseconds(1) / 1000 < HELD_SECONDS + 10
    assert load.timed.milliseconds(0.5) < 1000 * HELD_SECONDS / 2
    assert load.timed.errors == []
    assert len(failing.timed.errors) == SESSIONS
