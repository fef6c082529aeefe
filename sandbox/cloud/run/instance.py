"""One instance of a revision: an operating-system process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from sandbox.cloud.run import loopback_http
from sandbox.cloud.run.conditions import FAILED_PRECONDITION, Failure, Reason
from sandbox.cloud.run.container import NotStartedError
from sandbox.cloud.run.prefork import ForkedProcess, Prefork

_PROBE_SECONDS = 1.0
_PROBE_EVERY_SECONDS = 0.05


class Instance:
    """A started process.

    :param process: the running process.
    :param name: its name in logs and metrics.
    :param port: the port that it listens on.
    :param memory_limit: bytes that it may use; counted, not enforced.
    :param log: file with its output.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process | ForkedProcess,
        name: str,
        port: int,
        memory_limit: int,
        log: Path,
    ) -> None:
        self._process = process
        self.name = name
        self.port = port
        self.memory_limit = memory_limit
        self.log = log

    @classmethod
    async def start(
        cls,
        name: str,
        port: int,
        memory_limit: int,
        line: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        cwd: Path,
        prefork: Prefork,
    ) -> Instance:
        """Start the process in a session of its own, as a fork where what it runs is imported already.

        :param name: name of the instance.
        :param port: port on loopback.
        :param memory_limit: bytes that it may use.
        :param line: the command.
        :param environment: environment variables of the process.
        :param log: file for its output.
        :param cwd: working directory.
        :param prefork: where forks come from.
        :raises NotStartedError: there is no such program.
        """
        if prefork.runs(line):
            return cls(await prefork.fork(line, environment, log, cwd), name, port, memory_limit, log)
        with log.open("ab") as file:
            try:
                process = await asyncio.create_subprocess_exec(
                    *line,
                    env=dict(environment),
                    cwd=cwd,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    start_new_session=True,
                )
            except OSError as error:
                message = f"The container command {list(line)[:3]} cannot be started: {error.strerror}."
                raise NotStartedError(
                    Failure(FAILED_PRECONDITION, message, Reason.CONTAINER_MISSING)
                ) from error
        return cls(process, name, port, memory_limit, log)

    async def ready(self, seconds: float) -> None:
        """Wait until the process answers its health check.

        :param seconds: how long to wait, in seconds.
        :raises NotStartedError: it ended, or did not answer in time.
        """
        cause = "the allocated timeout passed"
        try:
            async with asyncio.timeout(seconds):
                while self._process.returncode is None:
                    if await self._healthy():
                        return
                    await asyncio.sleep(_PROBE_EVERY_SECONDS)
                cause = f"the container exited with code {self._process.returncode}"
        except TimeoutError:
            pass
        raise NotStartedError(
            Failure(
                FAILED_PRECONDITION,
                "The user-provided container failed to start and listen on the port defined by the PORT "
                f"environment variable within the allocated timeout: {cause} "
                f"({seconds:g} s allowed). Log: {self.log}",
                Reason.REVISION_FAILED,
            )
        )

    def resident_bytes(self) -> int | None:
        """Return the memory that the process holds now; None when it has just ended."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            return None

    async def exited(self) -> int:
        """Wait until the process ends.

        :return: its exit code, negative for a signal.
        """
        return await self._process.wait()

    async def stop(self, seconds: float) -> None:
        """Ask the process to end; after the given time kill its whole session."""
        if self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def _healthy(self) -> bool:
        try:
            status, _ = await loopback_http.get(self.port, "/health", _PROBE_SECONDS)
        except loopback_http.NoAnswerError:
            return False
        return status == 200
