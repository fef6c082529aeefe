"""All hooks of an event loop share one client, which the last one closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.hooks.metrics.shared_client import SharedClient, borrow, give_back
from yarl import URL


@pytest.mark.asyncio
async def test_one_loop_has_one_client_until_the_last_gives_it_back() -> None:
    first, second = borrow(5.0), borrow(5.0)
    other = borrow(7.0)
    assert first is second
    assert first is not other
    await give_back(5.0)
    assert not first.session.closed
    await give_back(5.0)
    assert first.session.closed
    assert not other.session.closed
    await give_back(7.0)
    assert borrow(5.0) is not first
    await give_back(5.0)


def test_two_loops_share_nothing() -> None:
    async def client() -> int:
        found = id(borrow(5.0))
        await asyncio.sleep(0)
        await give_back(5.0)
        return found

    assert asyncio.run(client())
    assert asyncio.run(client())


class Session:
    """Notes how many requests have begun and are not answered."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running = self.most = 0

    @asynccontextmanager
    async def get(self, url: URL, **_: Any) -> AsyncIterator[SimpleNamespace]:
        self.begun.append(url.path)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)

        async def text(**_: Any) -> str:
            return "{}"

        yield SimpleNamespace(status=200, text=text)
        self.running -= 1


@pytest.mark.asyncio
async def test_queries_begin_in_their_order_and_as_many_as_there_are_connections() -> None:
    session = Session()
    client = SharedClient(session, asyncio.Semaphore(2))  # type: ignore[arg-type]
    await asyncio.gather(
        *(client.get(f"http://metrics.example/{number}?query=up", {}) for number in range(9))
    )
    assert session.begun == [f"/{number}" for number in range(9)]
    assert session.most == 2
