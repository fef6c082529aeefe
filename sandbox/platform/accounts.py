"""Every user's month to date, kept in memory and brought up to date from the database.

Requests never wait for the database, except for the first of a user: totals are read once, then refreshed
in the background while the user is active, because other instances write usage too.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import psycopg

from sandbox.platform.budgets import Account, Totals, month_start, utc_now
from sandbox.platform.database import Database
from sandbox.platform.writer import RecordWriter

REFRESH_AFTER_SECONDS = 5.0
REFRESH_TICK_SECONDS = 1.0
# Longer than any instance takes to write its rows; rows older than this no longer change.
SETTLE_AFTER = timedelta(seconds=30)

LIMITS = "SELECT id, monthly_budget_usd FROM users WHERE id = ANY(%(users)s)"
SET_LIMIT = """
INSERT INTO users (id, plan, monthly_budget_usd, created_at)
VALUES (%(user)s, 'free', %(limit)s, now())
ON CONFLICT (id) DO UPDATE SET monthly_budget_usd = excluded.monthly_budget_usd
"""
USAGE = """
SELECT asked.user_id,
       usage.created_at < %(settle)s AS settled,
       count(*),
       coalesce(sum(coalesce(usage.tokens_original, usage.tokens_used)), 0),
       coalesce(sum(usage.tokens_used), 0),
       coalesce(sum(coalesce(usage.cost_original_usd, usage.cost_usd)), 0),
       coalesce(sum(usage.cost_usd), 0)
FROM unnest(%(users)s::uuid[], %(since)s::timestamp[]) AS asked (user_id, since)
JOIN token_usage_tracking AS usage ON usage.user_id = asked.user_id AND usage.created_at >= asked.since
GROUP BY asked.user_id, settled
"""

_log = logging.getLogger(__name__)


class AccountBook:
    """The accounts this process knows.

    :param database: where budgets and usage are read.
    :param writer: the process's own usage writer, or None when usage is not tracked; then totals are the
        process's own alone.
    :param default_limit_usd: budget of a user whom the database does not know.
    :param idle_seconds: how long an account nobody asked for is kept.
    """

    def __init__(
        self, database: Database, writer: RecordWriter | None, default_limit_usd: Decimal, idle_seconds: float
    ) -> None:
        self._database = database
        self._writer = writer
        self._default_limit = default_limit_usd
        self._idle = idle_seconds
        self._accounts: dict[UUID, Account] = {}
        self._arriving: dict[UUID, Account] = {}
        self._stale: dict[UUID, Account] = {}
        self._lock = asyncio.Lock()

    async def get(self, user_id: UUID) -> Account:
        """Return the user's account; only a user's first request waits for the database."""
        account = self._accounts.get(user_id)
        if account is None:
            return await self._first(user_id)
        if time.monotonic() - account.refreshed_at > REFRESH_AFTER_SECONDS:
            self._stale[user_id] = account
        return account

    async def set_limit(self, user_id: UUID, limit_usd: Decimal) -> Account:
        """Store the user's own monthly budget.

        :param user_id: the user.
        :param limit_usd: the limit, in USD.
        :raises psycopg.Error: when the database did not take it.
        """
        async with self._database.connection() as connection:
            await connection.execute(SET_LIMIT, {"user": user_id, "limit": limit_usd})
        account = await self.get(user_id)
        account.limit_usd = limit_usd
        return account

    async def refresh(self, accounts: Iterable[Account]) -> None:
        """Read budgets and usage of these accounts; when the database fails they stay as they are."""
        async with self._lock:
            await self._try_to_read(list(accounts))

    async def run(self) -> None:
        """Refresh the accounts in use, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_TICK_SECONDS)
            if self._stale:
                stale, self._stale = self._stale, {}
                await self.refresh(stale.values())

    def clean_up(self) -> int:
        """Forget the accounts that nobody has asked for recently; return how many."""
        oldest = time.monotonic() - self._idle
        idle = [user for user, account in self._accounts.items() if account.refreshed_at < oldest]
        for user in idle:
            del self._accounts[user]
        return len(idle)

    async def _first(self, user_id: UUID) -> Account:
        month = month_start(utc_now())
        self._arriving[user_id] = Account(user_id, self._default_limit, month, settled_until=month)
        async with self._lock:
            # Users who arrived while another read was under way are read together, by the first of them.
            if user_id not in self._accounts:
                arriving, self._arriving = self._arriving, {}
                await self._try_to_read(list(arriving.values()))
                self._accounts = arriving | self._accounts
        return self._accounts[user_id]

    async def _try_to_read(self, accounts: list[Account]) -> None:
        try:
            await self._read(accounts)
        except psycopg.Error as error:
            # Customers are served on what is known: the budget's database is not on the request's path.
            _log.warning("budgets were not refreshed: %s", type(error).__name__)

    async def _read(self, accounts: list[Account]) -> None:
        month = month_start(utc_now())
        for account in accounts:
            if account.month != month:
                account.turn_month(month)
        own = [account.pending for account in accounts]
        written = bool(self._writer and any(part.requests for part in own) and await self._writer.flush())
        users = [account.user_id for account in accounts]
        settle = max(month, utc_now() - SETTLE_AFTER)
        usage: dict[tuple[UUID, bool], Totals] = {}
        async with self._database.connection() as connection:
            limits = dict(await (await connection.execute(LIMITS, {"users": users})).fetchall())
            if self._writer:
                since = [account.settled_until for account in accounts]
                cursor = await connection.execute(USAGE, {"users": users, "since": since, "settle": settle})
                usage = {(row[0], row[1]): Totals(*row[2:]) for row in await cursor.fetchall()}
        for account, pending in zip(accounts, own, strict=True):
            account.limit_usd = limits.get(account.user_id, account.limit_usd)
            account.refreshed_at = time.monotonic()
            if self._writer:
                account.settled += usage.get((account.user_id, True), Totals())
                account.recent = usage.get((account.user_id, False), Totals())
                account.settled_until = max(account.settled_until, settle)
            if written:
                account.pending -= pending
