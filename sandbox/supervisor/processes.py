"""Starting one process of the sandbox and waiting until it answers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx

from sandbox.databases.server_user import ServerUser
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

POLL_SECONDS = 0.2
LOG_LINES_SHOWN = 25
STOP_SECONDS = 30.0
#: Niceness of what serves requests and of what measures them. On Cloud Run they have processors of their own;
#: here whatever else is busy would be measured as their latency.
SERVES = -10


class StartError(RuntimeError):
    """A process of the sandbox did not start; the message carries the end of its log."""


@dataclass(frozen=True)
class Program:
    """What to run, and how to see that it is ready.

    :param name: name of its log file and of its line in the display.
    :param command: argument vector.
    :param ready: answers True once the process does its work.
    :param bound: seconds it may take until then.
    :param environment: variables on top of the caller's own and the sandbox's.
    :param folder: working directory; the repository by default.
    :param user: operating system user to run as; None for the caller's own.
    :param stop_signal: what asks it to stop.
    :param ends: whether it does its work and ends, and is ready by that.
    :param nice: niceness on top of the caller's, as far as the caller may.
    """

    name: str
    command: list[str]
    ready: Callable[[], bool]
    bound: float
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = REPOSITORY
    user: ServerUser | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    ends: bool = False
    nice: int = 0


def base_environment(settings: Settings) -> dict[str, str]:
    """Return the variables every process of the sandbox gets; they also mark it as belonging to it."""
    # A proxy of the machine must not stand between processes on loopback.
    direct = ",".join(
        filter(None, [os.environ.get("no_proxy"), os.environ.get("NO_PROXY"), HOST, "localhost"])
    )
    return {
        **os.environ,
        "NO_PROXY": direct,
        "no_proxy": direct,
        "SLIPWAY_HOME": str(settings.home),
        "SLIPWAY_PORT_BASE": str(settings.port_base),
        "SLIPWAY_STARTED_BY": "sandbox",
        # A process that renames itself must not overwrite its environment: shutdown recognises it by that.
        "SPT_NOENV": "1",
        "PYTHONUNBUFFERED": "1",
    }


def log_file(settings: Settings, name: str) -> Path:
    """Return the path of the log of the process with this name."""
    return settings.logs / f"{name}.log"


def launch(program: Program, settings: Settings) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output going to its log."""
    path = log_file(settings, program.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    identity = program.user
    with path.open("ab") as output:
        process = subprocess.Popen(
            program.command,
            cwd=program.folder,
            env={**base_environment(settings), **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=identity.uid if identity else None,
            group=identity.gid if identity else None,
            extra_groups=[] if identity else None,
        )
    if program.nice:
        # Only a caller with the right to it may ask for more than others get.
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + program.nice)
    return process


def wait_ready(program: Program, process: subprocess.Popen[bytes], settings: Settings) -> float:
    """Wait until the program is ready.

    :param program: what runs, and how it shows that it is ready.
    :param process: the running process.
    :param settings: where the sandbox lives, and its ports.
    :return: the seconds waited.
    :raises StartError: as soon as the process ends, or when it is not ready within its bound.
    """
    began = time.monotonic()
    while True:
        # The order matters: a process that died must not be taken for ready because another answers.
        if process.poll() is not None:
            raise ended(program, process.returncode, settings)
        if program.ready():
            return time.monotonic() - began
        if time.monotonic() - began > program.bound:
            raise not_ready(program, settings)
        time.sleep(POLL_SECONDS)


def start(program: Program, settings: Settings) -> subprocess.Popen[bytes]:
    """Start a process and wait until it is ready.

    :param program: what to run.
    :param settings: where the sandbox lives, and its ports.
    :return: the process, which the caller ends.
    :raises StartError: when it does not get ready; it is killed then.
    """
    process = launch(program, settings)
    try:
        wait_ready(program, process, settings)
    except BaseException:
        kill(process)
        raise
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and those of its session without giving them a chance, as a power cut of the process."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)


@contextlib.contextmanager
def running(program: Program, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until the end of the block.

    :param program: what to run.
    :param settings: where the sandbox lives, and its ports.
    """
    process = start(program, settings)
    try:
        yield process
    finally:
        process.send_signal(program.stop_signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            kill(process)


def get(url: str, timeout: float = 2.0) -> httpx.Response | None:
    """Get a URL on loopback; None when nobody answers within so many seconds."""
    try:
        return _client().get(url, timeout=timeout)
    except httpx.TransportError:
        return None


def answers(url: str) -> bool:
    """Tell whether a GET of the URL is answered with a 2xx status within two seconds."""
    answer = get(url)
    return answer is not None and answer.is_success


@cache
def _client() -> httpx.Client:
    # One for all questions: making a client costs more than a start-up's many questions together. And no
    # connection is kept open, because a server that stops would wait for it.
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def ended(program: Program, code: int, settings: Settings) -> StartError:
    """Return the error of a process that ended when it should run."""
    return StartError(_message(program, f"ended with exit code {code}", settings))


def not_ready(program: Program, settings: Settings) -> StartError:
    """Return the error of a process that took too long."""
    return StartError(_message(program, f"was not ready within {program.bound:.0f} s", settings))


def _message(program: Program, what: str, settings: Settings) -> str:
    path = log_file(settings, program.name)
    lines = path.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    return f"{program.name} {what}. The end of {path}:\n" + "\n".join(f"  {line}" for line in lines)
