"""``python -m sandbox.demo``: release a good version and a bad one, print what was measured."""

from __future__ import annotations

import sys
import time

from rich.console import Console

from sandbox.__main__ import INTERRUPTED, StartInterrupted
from sandbox.__main__ import main as sandbox
from sandbox.demo import checks, story, summary
from sandbox.demo.airflow_client import AirflowClient, RunTimeout
from sandbox.demo.display import Progress
from sandbox.demo.memory import MemoryWatch
from sandbox.supervisor.settings import Settings

DAGS_BOUND_SECONDS = 180.0
_FILE_COLUMNS = 140


def tell(console: Console, settings: Settings, client: AirflowClient, peak: MemoryWatch) -> bool:
    """Run the story against a sandbox that is up, print it, and return whether everything held."""
    client.wait_for_dags(story.DAGS, bound=DAGS_BOUND_SECONDS)
    console.rule(f"releasing {story.GOOD_VERSION}", align="left")
    progress = Progress(console, settings, service=story.SERVICE)
    good = story.release(client, settings, story.GOOD_VERSION, progress)
    console.rule(
        f"releasing {story.BAD_VERSION}, which fails 5 % of its requests in production", align="left"
    )
    rolling_up = story.then_roll_up(client, settings, console)
    bad = story.release(client, settings, story.BAD_VERSION, rolling_up)
    rollup = rolling_up.run_id or story.roll_up_today(client, settings)
    kpi_run, kpis, targets = story.read_kpis(client, settings, rollup)

    summary.print_release(console, good)
    summary.print_release(console, bad)
    summary.print_kpis(console, kpis)
    summary.print_targets(console, targets)
    return summary.print_checks(
        console,
        [
            *checks.check_good(good, settings),
            *checks.check_bad(bad),
            *checks.check_kpis(kpi_run, kpis, targets),
            *checks.check_machine(peak_bytes=peak.peak_bytes, import_errors=client.import_errors()),
        ],
    )


def _console() -> Console:
    """Return a console; where the output is a file or a pipe, its lines are wide enough for the tables."""
    return Console() if sys.stdout.isatty() else Console(width=_FILE_COLUMNS)


def main() -> int:
    """Start the sandbox and tell the story.

    Everything stays up for a person to inspect; an interrupt at any moment ends and removes everything.

    :return: exit code: 0 when everything held.
    """
    console, settings, began = _console(), Settings.from_environment(), time.monotonic()
    code = sandbox(["up"])
    if code:
        return code
    try:
        summary.print_address(console, settings)
        with MemoryWatch(settings) as peak, AirflowClient(settings) as client:
            held = tell(console, settings, client, peak)
    except StartInterrupted:
        console.print("Interrupted: ending what was started.")
        sandbox(["down"])
        return INTERRUPTED
    except RunTimeout as error:
        console.print(f"{error}\nIt still runs: see Airflow or {settings.logs}; make down stops it.")
        return 1
    summary.print_address(console, settings)
    console.print(f"It took {(time.monotonic() - began) / 60:.1f} minutes. It runs on: make down stops it.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
