"""One HTTP client for all hooks of an event loop.

A triggerer bakes hundreds of releases in one loop. A client of its own for each would read the certificates
of every authority each time, which blocks the loop, and connect anew for every query. It is aiohttp's: httpx
takes ten times the processor time for a query, and at 100 bakes more than there is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from yarl import URL

from slipway.hooks.metrics.answer import Answer, NoAnswerError

CONNECTIONS = 100
#: Longer than the time between two checks.
KEPT_SECONDS = 60.0
_clients: dict[tuple[asyncio.AbstractEventLoop, float], SharedClient] = {}


@dataclass
class SharedClient:
    """A client, with how many use it.

    :param session: aiohttp's client.
    :param turns: one for each connection: who comes first is answered first, and nobody else has begun.
    :param users: how many have borrowed it.
    """

    session: aiohttp.ClientSession
    turns: asyncio.Semaphore
    users: int = 0

    async def get(self, url: str, headers: dict[str, str]) -> Answer:
        """Ask once; a redirection is not followed, so that no token goes elsewhere.

        :param url: the whole address, encoded.
        :param headers: of the request.
        :raises NoAnswerError: when there is none.
        """
        address = URL(url, encoded=True)
        proxy = _proxy(address.scheme, address.host or "")
        await self._turn()
        try:
            async with self.session.get(
                address, headers=headers, allow_redirects=False, proxy=proxy
            ) as found:
                return Answer(url.partition("?")[0], found.status, await found.text(errors="replace"))
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswerError(str(error) or type(error).__name__) from error
        finally:
            self.turns.release()

    async def _turn(self) -> None:
        if not self.turns.locked():
            # Does not wait, and a bound of what does not wait takes as long as a part of the query.
            await self.turns.acquire()
            return
        try:
            async with asyncio.timeout(KEPT_SECONDS):
                await self.turns.acquire()
        except TimeoutError as error:
            raise NoAnswerError(f"none of {CONNECTIONS} connections is free") from error


def borrow(seconds: float) -> SharedClient:
    """Return the running loop's client; :func:`give_back` it.

    :param seconds: bound of connecting and of each wait for the answer, in seconds, without the time that an
        attempt waits for its turn.
    """
    key = asyncio.get_running_loop(), seconds
    shared = _clients.get(key)
    if shared is None:
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS, keepalive_timeout=KEPT_SECONDS, ssl=httpx.create_ssl_context()
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
        )
        shared = _clients[key] = SharedClient(session, asyncio.Semaphore(CONNECTIONS))
    shared.users += 1
    return shared


async def give_back(seconds: float) -> None:
    """Give the running loop's client back; the last one who does closes it.

    :param seconds: as it was borrowed.
    """
    key = asyncio.get_running_loop(), seconds
    shared = _clients[key]
    shared.users -= 1
    if shared.users == 0:
        del _clients[key]
        await shared.session.close()


@cache
def _proxy(scheme: str, host: str) -> str | None:
    """Return the proxy that the environment names for an address; aiohttp asks for every query."""
    return None if proxy_bypass(host) else getproxies().get(scheme)
