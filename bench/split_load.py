"""Load on one URL of the data plane: keep-alive HTTP clients and WebSockets, and what happens to them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType

import websockets

HOST = "127.0.0.1"
_ANSWER_SECONDS = 30.0


@dataclass
class Seen:
    """What the clients saw.

    :param milliseconds: one duration per answered request; with a rate, counted from when it was due.
    :param errors: one line per request without a proper answer with a 5xx, or turned away with 429.
    :param closed: one line per WebSocket that was closed by the other side.
    """

    milliseconds: list[float] = field(default_factory=list)
    by_revision: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    messages: int = 0
    sockets_by_revision: Counter[str] = field(default_factory=Counter)
    closed: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """Requests sent."""
        return len(self.milliseconds) + len(self.errors)

    def percentile(self, percent: float) -> float:
        """A percentile of the durations, in milliseconds."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class SplitLoad:
    """Runs the clients for as long as the ``async with`` block lasts.

    :param port: port of the URL.
    :param clients: HTTP clients, each with one connection that stays open.
    :param slow_clients: further ones whose requests take ``slow_seconds``.
    :param sockets: WebSockets, each sending a message every ``socket_pause`` seconds.
    :param pause: seconds between two requests of one client.
    :param slow_seconds: seconds that a slow client's request takes.
    :param rate: requests per second of all (quick) clients together, sent when they are due and not when the
        answer before them came: what stalls is seen by every request that it delays. None: as ``pause`` says.
    :param socket_pause: seconds between two messages of one WebSocket; None for the default.
    """

    def __init__(
        self,
        port: int,
        clients: int = 8,
        slow_clients: int = 0,
        sockets: int = 0,
        pause: float = 0.005,
        slow_seconds: float = 0.3,
        rate: float | None = None,
        socket_pause: float | None = None,
    ) -> None:
        self.seen = Seen()
        self._port = port
        self._pause = pause
        self._interval = None if rate is None else clients / rate
        self._socket_pause = pause * 10 if socket_pause is None else socket_pause
        self._paths = ["/"] * clients + [f"/slow?{slow_seconds}"] * slow_clients
        self._sockets = sockets
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> SplitLoad:
        ready = asyncio.Semaphore(0)
        spread = (self._interval or 0) / max(1, len(self._paths))
        self._tasks = [
            asyncio.create_task(self._client(path, number * spread))
            for number, path in enumerate(self._paths)
        ]
        self._tasks += [asyncio.create_task(self._socket(ready)) for _ in range(self._sockets)]
        for _ in range(self._sockets):
            await asyncio.wait_for(ready.acquire(), _ANSWER_SECONDS)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def _client(self, path: str, delay: float) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._port)
        due = time.perf_counter() + delay
        while not self._stopping:
            begun = due = await self._due(due)
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    status, revision = await _exchange(reader, writer, path)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                self.seen.errors.append(f"{path}: {error!r}")
                writer.close()
                reader, writer = await asyncio.open_connection(HOST, self._port)
                continue
            if status == 429 or status >= 500:
                self.seen.errors.append(f"{path}: status {status} from {revision or 'the data plane'}")
            else:
                self.seen.milliseconds.append((time.perf_counter() - begun) * 1000)
                self.seen.by_revision[revision] += 1
        writer.close()
        await writer.wait_closed()

    async def _due(self, due: float) -> float:
        """Wait until the next request is due; the moment it was."""
        if self._interval is None:
            await asyncio.sleep(self._pause)
            return time.perf_counter()
        await asyncio.sleep(max(0.0, due + self._interval - time.perf_counter()))
        return due + self._interval

    async def _socket(self, ready: asyncio.Semaphore) -> None:
        url = f"ws://{HOST}:{self._port}/"
        async with websockets.connect(url, proxy=None, ping_interval=None) as socket:
            revision = ""
            while not self._stopping:
                try:
                    await socket.send("hello")
                    answer = await asyncio.wait_for(socket.recv(), _ANSWER_SECONDS)
                except (websockets.ConnectionClosed, TimeoutError) as error:
                    self.seen.closed.append(f"{revision}: {error!r}")
                    return
                if not revision:
                    revision = str(answer).partition(" ")[0]
                    self.seen.sockets_by_revision[revision] += 1
                    ready.release()
                self.seen.messages += 1
                await asyncio.sleep(self._socket_pause)


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> tuple[int, str]:
    """Send one request on an open connection.

    :return: status and the revision that answered, empty when the data plane did.
    """
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
    await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split(" ")[1]), headers.get("x-slipway-revision", "")
