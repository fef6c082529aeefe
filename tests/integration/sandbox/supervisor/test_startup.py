"""How a start orders its processes and fails."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.supervisor import credentials, records, shutdown
from sandbox.supervisor.display import Display
from sandbox.supervisor.plan import Part
from sandbox.supervisor.processes import SERVES, Program, StartError
from sandbox.supervisor.settings import Settings
from sandbox.supervisor.startup import Startup
from tests.waiting import until

pytestmark = pytest.mark.sandbox


@pytest.fixture
def output() -> io.StringIO:
    """What the display writes."""
    return io.StringIO()


@pytest.fixture
def startup(own: Settings, output: io.StringIO) -> Iterator[Startup]:
    """A start in an empty sandbox."""
    credentials.create(own)
    made = Startup(own, Display(Console(file=output, width=100)))
    yield made
    shutdown.stop(own)
    for process in made.processes:
        process.wait(60)


def program(
    name: str, code: str, *, ready: Path | None = None, ends: bool = False, bound: float = 60.0
) -> Program:
    """Return a program of Python code, which is ready once a file exists."""
    return Program(
        name=name,
        command=[sys.executable, "-c", code],
        ready=lambda: ready is None or ready.exists(),
        bound=bound,
        ends=ends,
    )


def test_parts_start_after_those_they_need(
    own: Settings, startup: Startup, output: io.StringIO, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    first = program("first", f"import pathlib; pathlib.Path({str(made)!r}).touch()", ends=True)
    second = program(
        "second", f"import pathlib, time; assert pathlib.Path({str(made)!r}).exists(); time.sleep(60)"
    )
    startup.run({"second": Part(lambda: second, after=("first",)), "first": Part(lambda: first)})
    assert [record.name for record in records.read(own)] == ["first", "second"]
    lines = output.getvalue().splitlines()
    assert [line.split()[:2] for line in lines] == [["first", "ready"], ["second", "ready"]]
    (member,) = shutdown.members(own)
    assert member.pid == records.read(own)[1].pid


def test_process_that_dies_fails_the_start_at_once_with_its_log(startup: Startup, tmp_path: Path) -> None:
    slow = program("slow", "import time; time.sleep(60)", ready=tmp_path / "never")
    broken = program("broken", "print('the disk is full'); raise SystemExit(3)", ready=tmp_path / "never")
    began = time.monotonic()
    with pytest.raises(StartError, match=r"broken ended with exit code 3(.|\n)*the disk is full"):
        startup.run({"slow": Part(lambda: slow), "broken": Part(lambda: broken)})
    assert time.monotonic() - began < slow.bound


def test_process_that_dies_after_it_was_ready_fails_the_start(startup: Startup, tmp_path: Path) -> None:
    brief = program("brief", "import time; time.sleep(1)")
    slow = program("slow", "import time; time.sleep(60)", ready=tmp_path / "never")
    with pytest.raises(StartError, match="brief ended with exit code 0"):
        startup.run({"brief": Part(lambda: brief), "slow": Part(lambda: slow)})


def test_process_that_is_never_ready_fails_the_start_at_its_bound(startup: Startup, tmp_path: Path) -> None:
    stuck = program("stuck", "import time; time.sleep(60)", ready=tmp_path / "never", bound=1.0)
    with pytest.raises(StartError, match="stuck was not ready within 1 s"):
        startup.run({"stuck": Part(lambda: stuck)})


def test_parts_that_wait_for_each_other_are_refused(startup: Startup) -> None:
    part = program("never", "raise SystemExit")
    with pytest.raises(ValueError, match=r"never start: \['a', 'b'\]"):
        startup.run({"a": Part(lambda: part, after=("b",)), "b": Part(lambda: part, after=("a",))})


def test_what_serves_gets_the_processor_first_where_the_caller_may_say_so(
    startup: Startup, tmp_path: Path
) -> None:
    ask = f"import os; os.setpriority(os.PRIO_PROCESS, 0, {os.nice(0) + SERVES})"
    may = subprocess.run([sys.executable, "-c", ask], check=False, capture_output=True).returncode == 0
    asked, written = tmp_path / "asked", tmp_path / "niceness"
    code = (
        f"import os, pathlib, time; asked = pathlib.Path({str(asked)!r})\n"
        "while not asked.exists(): time.sleep(0.05)\n"
        f"pathlib.Path({str(written)!r}).write_text(str(os.nice(0)))"
    )
    # Started and given its priority, it is ready; only then does it look.
    startup.run({"serves": Part(lambda: replace(program("serves", code), nice=SERVES))})
    asked.touch()
    until(lambda: written.exists() and written.read_text(), "its priority")
    assert int(written.read_text()) == os.nice(0) + (SERVES if may else 0)
