"""Containers that are forks: what they get, how they end, and what is left when the cloud is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from sandbox.cloud.run.prefork import ForkedProcess, Prefork, PreforkEndedError
from tests.waiting import BOUND_SECONDS

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio]

CONTAINER = '''
"""What a container runs."""
import os, sys, time

def main():
    print(os.getpid(), os.getsid(0), os.getcwd(), sys.argv, dict(os.environ), flush=True)
    if "sleep" in sys.argv:
        time.sleep(600)
    if "raise" in sys.argv:
        raise ValueError("the container failed")
    sys.exit(int(sys.argv[1]))

if __name__ == "__main__":
    main()
'''


class Containers:
    """Containers of one module, with their logs in a folder."""

    def __init__(self, prefork: Prefork, folder: Path) -> None:
        self.prefork = prefork
        self.folder = folder
        self.log = folder / "container.log"

    async def start(self, *arguments: str) -> ForkedProcess:
        line: Sequence[str] = [sys.executable, "-m", "container_of_test", *arguments]
        assert self.prefork.runs(line)
        return await self.prefork.fork(line, {"ONLY": "this"}, self.log, self.folder)


@asynccontextmanager
async def containers(folder: Path) -> AsyncIterator[Containers]:
    """Whatever a test starts."""
    (folder / "container_of_test.py").write_text(CONTAINER)
    path = os.pathsep.join([str(folder), *sys.path])
    prefork = Prefork(["container_of_test"], {"PYTHONPATH": path}, folder / "prefork.log")
    await prefork.start()
    try:
        yield Containers(prefork, folder)
    finally:
        await prefork.stop()


async def test_it_has_its_own_session_folder_arguments_and_environment_alone(tmp_path: Path) -> None:
    async with containers(tmp_path) as own:
        process = await own.start("7", "more")
        assert await process.wait() == process.returncode == 7
    pid = process.pid
    assert own.log.read_text().startswith(f"{pid} {pid} {tmp_path} [")
    assert own.log.read_text().endswith("'7', 'more'] {'ONLY': 'this'}\n")


async def test_an_error_is_in_its_log(tmp_path: Path) -> None:
    async with containers(tmp_path) as own:
        assert await (await own.start("raise")).wait() == 1
    assert "ValueError: the container failed" in own.log.read_text()


async def test_many_at_once_end_by_themselves_or_by_a_signal(tmp_path: Path) -> None:
    async with containers(tmp_path) as own:
        stay = await asyncio.gather(*(own.start("sleep") for _ in range(5)))
        ended = await asyncio.gather(*(own.start(str(code)) for code in range(20)))
        assert [await process.wait() for process in ended] == list(range(20))
        assert {process.returncode for process in stay} == {None}
        for process in stay:
            process.terminate()
        assert {await process.wait() for process in stay} == {-signal.SIGTERM}


async def test_without_the_process_to_fork_from_nothing_starts_and_what_runs_is_given_up(
    tmp_path: Path,
) -> None:
    async with containers(tmp_path) as own:
        running = await own.start("sleep")
        (server,) = (
            child for child in psutil.Process().children() if "prefork_server" in " ".join(child.cmdline())
        )
        server.kill()
        async with asyncio.timeout(BOUND_SECONDS):
            with pytest.raises(PreforkEndedError, match=r"prefork\.log"):
                await running.wait()
        with pytest.raises(PreforkEndedError, match=r"prefork\.log"):
            await own.start("0")
        os.kill(running.pid, signal.SIGKILL)


async def test_a_module_that_cannot_be_imported_is_in_the_log_and_nothing_starts(tmp_path: Path) -> None:
    log = tmp_path / "prefork.log"
    prefork = Prefork(["no_such_module"], {}, log)
    await prefork.start()
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            with pytest.raises(PreforkEndedError, match=r"prefork\.log"):
                await prefork.fork([sys.executable, "-m", "no_such_module"], {}, tmp_path / "log", tmp_path)
    finally:
        await prefork.stop()
    assert "No module named 'no_such_module'" in log.read_text()
