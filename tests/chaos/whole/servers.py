"""The servers that everything depends on: each can be killed, and can find its disk full."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from sandbox.supervisor.processes import Program, StartError, launch, wait_ready
from sandbox.supervisor.settings import Settings

GONE_SECONDS = 20.0
#: No file of a server with a full disk grows beyond this, and none is written behind it.
FULL_BYTES = 512


class Server:
    """One server process, with what it has started.

    :param make: returns how it is started.
    :param settings: the sandbox that it is in.
    """

    def __init__(self, make: Callable[[], Program], settings: Settings) -> None:
        self._make, self._settings = make, settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it does its work; one that runs stays, unless it cannot go on."""
        if self._process is not None and self._process.poll() is None:
            try:
                wait_ready(self._make(), self._process, self._settings)
            except StartError:
                self.kill()
            else:
                return
        program = self._make()
        self._process = launch(program, self._settings)
        wait_ready(program, self._process, self._settings)

    def kill(self) -> None:
        """End it and all that it has started with SIGKILL, as the end of a container does."""
        self._end(self._tree())

    def kill_part(self, name: str) -> None:
        """End one of the processes that it has started; it cannot go on without, and ends itself.

        :param name: the process's name.
        """
        self._end([process for process in self._tree() if process.name() == name])
        assert self._process is not None
        self._process.wait(GONE_SECONDS)
        self.kill()

    def fill_disk(self) -> None:
        """Let nothing more be written, as on a full disk."""
        self._limit(str(FULL_BYTES))

    def free_disk(self) -> None:
        """Let it write again; what has ended by that is started again."""
        self._limit("unlimited")
        self.start()

    def _limit(self, size: str) -> None:
        for process in self._tree():
            try:
                user, group = process.uids().real, process.gids().real
                # Only who runs a process may change what it may do.
                another: dict[str, Any] = (
                    {"user": user, "group": group, "extra_groups": []} if user != os.getuid() else {}
                )
                command = ["prlimit", f"--pid={process.pid}", f"--fsize={size}:unlimited"]
                done = subprocess.run(command, check=False, capture_output=True, text=True, **another)
                assert done.returncode == 0 or process.status() == psutil.STATUS_ZOMBIE, done.stderr
            except psutil.NoSuchProcess:
                continue

    def _tree(self) -> list[psutil.Process]:
        assert self._process is not None
        try:
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _end(self, tree: list[psutil.Process]) -> None:
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert self._process is not None
        if self._process.pid in [process.pid for process in tree]:
            self._process.wait(GONE_SECONDS)
        _, left = psutil.wait_procs(tree, timeout=GONE_SECONDS)
        assert not left, f"{left}: not gone after SIGKILL"


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Run a server until the end of the block."""
    server.start()
    try:
        yield server
    finally:
        server.kill()
