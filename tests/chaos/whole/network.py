"""The ways from tasks to servers: each can be slow, silent or cut, and what goes there is counted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sandbox.supervisor.settings import HOST

_CHUNK = 65536
_BOUND_SECONDS = 30.0


class Calls:
    """Counts what the tasks of one release send, and lets something happen before the n-th."""

    def __init__(self) -> None:
        self.count = 0
        self._at = 0
        self._action: Callable[[], object] | None = None

    def before(self, number: int, action: Callable[[], object]) -> None:
        """Let an action happen before the n-th message from now; its server gets the message after it."""
        self._at, self._action = self.count + number, action

    def forget(self) -> bool:
        """Let nothing happen any more; tell whether the action is still to come."""
        pending, self._action = self._action is not None, None
        return pending

    async def note(self) -> None:
        """Count a message."""
        self.count += 1
        action = self._action
        if action is not None and self.count >= self._at:
            self._action = None
            await asyncio.get_running_loop().run_in_executor(None, action)


@dataclass
class Way:
    """A listening port in front of one server.

    :param upstream: the server's port on loopback.
    :param delay: seconds that every message waits.
    """

    upstream: int
    calls: Calls
    port: int = 0
    delay: float = 0.0
    _cut: bool = False
    _heard: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def listen(self) -> asyncio.Server:
        """Begin to listen."""
        self._heard.set()
        server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def set(self, *, delay: float = 0.0, silent: bool = False, cut: bool = False) -> None:
        """Change how messages fare; without a word they pass.

        :param delay: seconds that each waits.
        :param silent: whether none arrives, and nobody is told.
        :param cut: whether connections end, and none is made.
        """
        self.delay, self._cut = delay, cut
        if silent:
            self._heard.clear()
        else:
            self._heard.set()
        if cut:
            for writer in list(self._open):
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            theirs, ours = await asyncio.open_connection(HOST, self.upstream)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, ours}
        sides = (self._pass(reader, ours, self.calls), self._pass(theirs, writer, None))
        with suppress(OSError):
            await asyncio.gather(*sides)
        self._open -= {writer, ours}

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, calls: Calls | None
    ) -> None:
        try:
            while chunk := await reader.read(_CHUNK):
                if calls is not None:
                    await calls.note()
                    await asyncio.sleep(self.delay)
                await self._heard.wait()
                writer.write(chunk)
                await writer.drain()
        except OSError:
            pass
        finally:
            with suppress(OSError, RuntimeError):
                writer.close()


class Network:
    """Runs every way, in one thread."""

    def __init__(self) -> None:
        self._loop, self._listening = asyncio.new_event_loop(), list[asyncio.Server]()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def way(self, upstream: int, calls: Calls) -> Way:
        """Open a way to a server.

        :param upstream: its port on loopback.
        :param calls: counts what goes there.
        """

        async def made() -> Way:
            way = Way(upstream, calls)
            self._listening.append(await way.listen())
            return way

        way: Way = self._done(made())
        return way

    def set(self, ways: list[Way], **how: Any) -> None:
        """Change how messages fare on these ways; see :meth:`Way.set`."""

        async def each() -> None:
            for way in ways:
                await way.set(**how)

        self._done(each())

    def close(self) -> None:
        """End every connection, and listen no more."""

        async def end() -> None:
            for server in self._listening:
                server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self._done(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_BOUND_SECONDS)
        self._loop.close()

    def _done(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_BOUND_SECONDS)


@contextmanager
def network() -> Iterator[Network]:
    """Run a network until the end of the block."""
    made = Network()
    try:
        yield made
    finally:
        made.close()
