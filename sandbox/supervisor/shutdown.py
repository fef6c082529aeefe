"""Ending everything that belongs to a sandbox, and proving that nothing is left."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from sandbox.databases.server_user import remove_outside_folders
from sandbox.supervisor import ports, records
from sandbox.supervisor.settings import Settings

#: How long the ports of ended processes may take to be free.
FREE_SECONDS, POLL_SECONDS = 5.0, 0.1


class Stage:
    """Processes, by their names, that are asked to stop together.

    :param seconds: how long they have.
    """

    def __init__(self, seconds: float, *names: str) -> None:
        self.seconds, self.names = seconds, frozenset(names)


STAGES = (
    # Who calls goes before who is called. A release under way is not waited for: the sandbox goes with it.
    Stage(
        4.0,
        "users",
        "seed",
        "scheduler",
        "dag-processor",
        "triggerer",
        "api-server",
        "airflow-logs",
        "airflow-migrate",
        "ledger-migrate",
    ),
    Stage(8.0, "cloud"),
    Stage(8.0, "prometheus", "clickhouse", "postgres", "redis", "git"),
)
# What is killed ends as soon as the machine gets to it.
REST = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 20.0))


class LeftoverError(RuntimeError):
    """Something of the sandbox is still there after the shutdown; the message names it."""


def members(settings: Settings) -> list[psutil.Process]:
    """Return the live processes of this sandbox, but for the caller and its ancestors.

    Their environment carries its home. That alone is not enough: so does the environment of every command
    of a shell in which somebody exported ``SLIPWAY_HOME``.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [
        process for process in psutil.process_iter() if process.pid not in own and _belongs(process, settings)
    ]


def stop(settings: Settings) -> int:
    """End every process of the sandbox: politely and in order, then by force.

    :param settings: where the sandbox lives, and its ports.
    :return: how many there were.
    :raises LeftoverError: when one survives even that.
    """
    known = {record.pid: record for record in records.read(settings) if record.process()}
    found = _with_descendants([*members(settings), *(r.process() for r in known.values())])
    for stage in STAGES:
        chosen = [
            process for process in found if process.pid in known and known[process.pid].name in stage.names
        ]
        for process in chosen:
            _send(process, signal.Signals(known[process.pid].stop_signal))
        psutil.wait_procs(chosen, timeout=stage.seconds)
    # Whatever the servers did not take along, and what nobody recorded.
    rest = _with_descendants([*found, *members(settings)])
    for number, seconds in REST:
        for process in rest:
            _send(process, number)
        _, rest = psutil.wait_procs(rest, timeout=seconds)
    if rest:
        left = ", ".join(f"{process.pid} ({process.name()})" for process in rest)
        raise LeftoverError(f"processes of {settings.home} that do not end: {left}")
    return len(found)


def remove(settings: Settings) -> None:
    """Remove everything the sandbox wrote.

    :param settings: where the sandbox lives, and its ports.
    :raises LeftoverError: when the folder is not a sandbox's own.
    """
    if not settings.home.exists():
        return
    if not is_home(settings.home):
        raise LeftoverError(
            f"{settings.home}: not a sandbox's folder; not removed. Check the folder and remove it by hand."
        )
    remove_outside_folders(settings)
    shutil.rmtree(settings.home)


def down(settings: Settings) -> int:
    """Stop everything, remove what it wrote, and check that the ports are free.

    :param settings: where the sandbox lives, and its ports.
    :return: how many processes were ended.
    :raises LeftoverError: when anything is left.
    """
    ended = stop(settings)
    remove(settings)
    busy = _still_taken(settings) if ended else []
    if busy:
        raise LeftoverError(f"ports still in use, by processes of something else: {busy}")
    return ended


def _still_taken(settings: Settings) -> list[int]:
    """Return the ports that are not free within a while: what a process began may end a little after it."""
    end = time.monotonic() + FREE_SECONDS
    while (busy := ports.taken(ports.purposes(settings))) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    return busy


def is_home(folder: Path) -> bool:
    """Tell whether a folder is a sandbox's: empty, or with the credentials every sandbox begins with."""
    return not any(folder.iterdir()) or (folder / "credentials.json").is_file()


def _belongs(process: psutil.Process, settings: Settings) -> bool:
    try:
        variables = process.environ()
        home = variables.get("SLIPWAY_HOME")
        if home is None or Path(home).resolve() != settings.home:
            return False
        return "SLIPWAY_STARTED_BY" in variables or _is_part(process.cmdline())
    except psutil.Error:
        # It has ended, or is another user's.
        return False


def _is_part(command: list[str]) -> bool:
    """Tell whether a command is ``python -m sandbox.<part>``, as one started by hand is."""
    return any(argument.startswith("sandbox.") for argument in command[1:3])


def _with_descendants(processes: Iterable[psutil.Process | None]) -> list[psutil.Process]:
    """Return the live processes and all they started: a child may have changed its own environment."""
    found: dict[int, psutil.Process] = {}
    for process in processes:
        if process is None or not process.is_running():
            continue
        found[process.pid] = process
        try:
            found.update({child.pid: child for child in process.children(recursive=True)})
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
