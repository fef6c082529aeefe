"""``python -m sandbox up|cloud-up|serve|status|run|down``: start, inspect, use and end the local cloud."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType

from rich.console import Console

from sandbox.airflow import command as in_airflow
from sandbox.databases.downloads import ServerMissingError
from sandbox.supervisor import plan, ports, shutdown, startup, status
from sandbox.supervisor.display import Display
from sandbox.supervisor.processes import StartError
from sandbox.supervisor.settings import Settings

INTERRUPTED = 130
OLDEST_PYTHON = (3, 11)
_EXPECTED = (StartError, ServerMissingError, TimeoutError)


class StartInterrupted(BaseException):
    """SIGINT or SIGTERM came: no KeyboardInterrupt, by which an interpreter may end itself."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    :param arguments: words of the command line; None for the process's own.
    :return: exit code: 0 when done, 1 with a message when not, 130 when interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="The local cloud of Slipway.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start everything and leave it running")
    commands.add_parser("cloud-up", help="start everything but Airflow and the simulated users")
    commands.add_parser("serve", help="be the cloud and its users for an Airflow elsewhere, until SIGTERM")
    commands.add_parser("status", help="tell what runs; exit code 1 when something that should does not")
    commands.add_parser("down", help="end everything and remove what it wrote")
    run = commands.add_parser("run", help="run a program with the connections of the sandbox's Airflow")
    run.add_argument("program", nargs=argparse.REMAINDER, help="program and arguments")
    parsed = parser.parse_args(arguments)
    command = parsed.command
    console = Console()
    if sys.version_info < OLDEST_PYTHON:
        console.print(f"Python {sys.version.split()[0]} is too old: the sandbox needs 3.11 or newer.")
        return 1
    try:
        settings = Settings.from_environment()
    except ValueError as error:
        console.print(str(error), markup=False)
        return 1
    if command == "status":
        return status.show(settings, console)
    if command == "down":
        return _down(settings, console)
    if command == "run":
        return _run(settings, parsed.program, console)
    return _up(settings, console, command)


def _up(settings: Settings, console: Console, command: str) -> int:
    try:
        startup.prepare(settings)
    except (startup.RefusedError, ports.PortsInUseError) as error:
        # Nothing was started, and what runs may be somebody's work: no clean-up.
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    # Also SIGINT: a shell starts its background jobs with that one ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    display = Display(console)
    try:
        with display.shown():
            started = startup.up(settings, display, _parts(settings, command))
        console.print(f"Up in {display.elapsed:.1f} s.", highlight=False)
        status.show_addresses(settings, console, airflow=command == "up")
        if command == "serve":
            started.watch_forever()
    except StartInterrupted:
        _ignore_interrupts()
        console.print("Interrupted: ending what was started.")
        shutdown.down(settings)
        return INTERRUPTED
    except BaseException as error:
        _ignore_interrupts()
        ended = shutdown.stop(settings)
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        console.print(
            f"The start failed; {ended} processes were ended. Logs: {settings.logs}", soft_wrap=True
        )
        if isinstance(error, _EXPECTED):
            return 1
        raise
    return 0


def _parts(settings: Settings, command: str) -> dict[str, plan.Part]:
    if command == "serve":
        return plan.parts_beside(settings)
    return plan.parts(settings, airflow=command == "up")


def _run(settings: Settings, program: list[str], console: Console) -> int:
    try:
        return in_airflow.run(settings, program)
    except in_airflow.NotUpError as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1


def _down(settings: Settings, console: Console) -> int:
    _ignore_interrupts()
    try:
        ended = shutdown.down(settings)
    except shutdown.LeftoverError as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    console.print(f"Down: {ended} processes ended, {settings.home} removed.", highlight=False, soft_wrap=True)
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise StartInterrupted


def _ignore_interrupts() -> None:
    """Let the clean-up, which is bounded, come to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main())
