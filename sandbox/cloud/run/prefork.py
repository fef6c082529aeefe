"""Starts containers that run a Python module as forks of one process that has imported them all.

A start then takes some milliseconds of processor time instead of up to a second: on two cores that is what a
deployment, or a test of one, otherwise waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class PreforkEndedError(RuntimeError):
    """The process that containers are forked from has ended."""


class ForkedProcess:
    """A process that was forked, with what :class:`asyncio.subprocess.Process` offers of it.

    :param pid: its process id.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self.ended.result() if self.ended.done() else None

    async def wait(self) -> int:
        """Wait until it ends, and return its exit code."""
        return await asyncio.shield(self.ended)

    def terminate(self) -> None:
        """Ask it to end."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)


class Prefork:
    """The one process, and the containers that were forked from it.

    :param modules: what containers may run, by name.
    :param environment: environment of the process.
    :param log: file for its output.
    """

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._modules = modules
        self._environment = environment
        self._log = log
        self._starting: dict[int, asyncio.Future[ForkedProcess]] = {}
        self._running: dict[int, ForkedProcess] = {}
        self._begun = 0
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process, unless no container can come of it; it takes requests while it still imports."""
        if not self._modules:
            return
        ours, theirs = socket.socketpair()
        with theirs, self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sandbox.cloud.run.prefork_server",
                str(theirs.fileno()),
                *self._modules,
                env=dict(self._environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._reading = asyncio.create_task(self._read(reader))

    def runs(self, line: Sequence[str]) -> bool:
        """Tell whether a command is the start of one of the modules.

        :param line: the command.
        """
        return list(line[:2]) == [sys.executable, "-m"] and line[2] in self._modules

    async def fork(
        self, line: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path
    ) -> ForkedProcess:
        """Start a container, in a session of its own.

        :param line: a command that :meth:`runs` is true for.
        :param environment: its environment variables.
        :param log: file for its output.
        :param cwd: its working directory.
        :raises PreforkEndedError: there is nothing to fork from.
        """
        if self._writer is None:
            raise PreforkEndedError(f"containers cannot be started; see {self._log}")
        self._begun += 1
        request = {
            "number": self._begun,
            "module": line[2],
            "arguments": list(line[3:]),
            "environment": dict(environment),
            "log": str(log),
            "cwd": str(cwd),
        }
        started: asyncio.Future[ForkedProcess] = asyncio.get_running_loop().create_future()
        self._starting[self._begun] = started
        self._writer.write(json.dumps(request).encode() + b"\n")
        return await started

    async def stop(self) -> None:
        """End the process; containers that still run go on."""
        if self._writer is not None:
            self._writer.close()
        if self._process is not None:
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self, reader: asyncio.StreamReader) -> None:
        # The end of a process that has not read everything is a reset.
        with contextlib.suppress(ConnectionResetError):
            while line := await reader.readline():
                self._take(json.loads(line))
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        error = PreforkEndedError(f"the process that containers are forked from has ended; see {self._log}")
        for started in self._starting.values():
            if not started.done():
                started.set_exception(error)
        for process in self._running.values():
            process.ended.set_exception(error)
            # Nobody may wait for it.
            process.ended.exception()

    def _take(self, answer: Mapping[str, Any]) -> None:
        pid = answer["pid"]
        if "number" in answer:
            process = self._running[pid] = ForkedProcess(pid)
            started = self._starting.pop(answer["number"])
            if started.cancelled():
                # Whoever asked for it is gone.
                process.terminate()
            else:
                started.set_result(process)
        else:
            self._running.pop(pid).ended.set_result(answer["exit_code"])
