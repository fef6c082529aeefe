"""One HTTP client for all hooks of an event loop.

A triggerer bakes hundreds of releases in one loop. A client of its own for each would read the certificates
of every authority each time, which blocks the loop, and connect anew for every query.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx

CONNECTIONS = 100
#: Longer than the time between two checks.
KEPT_SECONDS = 60.0
_clients: dict[tuple[asyncio.AbstractEventLoop, float], _Shared] = {}


@dataclass
class _Shared:
    client: httpx.AsyncClient
    users: int = 0


def borrow(seconds: float) -> httpx.AsyncClient:
    """Return the running loop's client; :func:`give_back` it.

    :param seconds: bound of one attempt, in seconds, without the time that it waits for a connection.
    """
    key = asyncio.get_running_loop(), seconds
    shared = _clients.get(key)
    if shared is None:
        client = httpx.AsyncClient(
            timeout=httpx.Timeout(seconds, pool=KEPT_SECONDS),
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=KEPT_SECONDS),
        )
        shared = _clients[key] = _Shared(client)
    shared.users += 1
    return shared.client


async def give_back(seconds: float) -> None:
    """Give the running loop's client back; the last one who does closes it.

    :param seconds: as it was borrowed.
    """
    key = asyncio.get_running_loop(), seconds
    shared = _clients[key]
    shared.users -= 1
    if shared.users == 0:
        del _clients[key]
        await shared.client.aclose()
