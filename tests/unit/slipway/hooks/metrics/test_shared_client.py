"""All hooks of an event loop share one client, which the last one closes."""

from __future__ import annotations

import asyncio

import pytest
from slipway.hooks.metrics.shared_client import borrow, give_back


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
