"""The door to the load generator: Locust in a process of its own, which leaves a JSON report."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.exceptions import CommandFailed
from slipway.hooks.command.command import CommandHook, tail
from slipway.paths import INCLUDE

_RAN = (0, 1)  # Locust: no failure, some failed requests; the report is what counts
_MARGIN_SECONDS = 120
_SPAWN_SHARE = 1 / 3


class LoadGeneratorHook(CommandHook):
    """Runs a Locust file against deployed services."""

    def run(
        self, locustfile: Path, *, environment: Mapping[str, str], users: int, duration_seconds: float
    ) -> dict[str, Any]:
        """Run a load test and return its report.

        :param locustfile: the load test; it writes its report to the path in ``LOAD_TEST_REPORT``.
        :param environment: what the load test is told, such as ``BACKEND_URL``.
        :param users: concurrent simulated users.
        :param duration_seconds: how long they stay.
        :raises CommandFailed: when the load test did not run to its end or left no report.
        """
        with tempfile.TemporaryDirectory(prefix="slipway-load-") as folder:
            report = Path(folder) / "report.json"
            code, output = self.run_command(
                [
                    sys.executable, "-m", "locust", "--headless", "--only-summary", "-f", str(locustfile),
                    "--users", str(users), "--spawn-rate", str(max(1, round(users * _SPAWN_SHARE))),
                    "--run-time", f"{round(duration_seconds)}s", "--stop-timeout", "10",
                ],
                environment={
                    "PYTHONPATH": str(INCLUDE.parent), "LOAD_TEST_REPORT": str(report), **environment
                },
                timeout_seconds=duration_seconds + _MARGIN_SECONDS,
            )  # fmt: skip
            if code not in _RAN or not report.is_file():
                raise CommandFailed(f"load test {locustfile.name}: ended with {code}:\n{tail(output)}")
            result: dict[str, Any] = json.loads(report.read_text())
            return result

    def merge(
        self,
        locustfile: Path,
        shares: Mapping[int, bytes],
        *,
        users: int,
        duration_seconds: float,
        generators: int,
    ) -> dict[str, Any]:
        """Make one report of what several generators measured.

        :param locustfile: the load test; ``merge.py`` beside it knows how.
        :param shares: by number of the generator, what it left.
        :param users: users that all generators together were to have.
        :param duration_seconds: how long they were to stay.
        :param generators: how many there were to be.
        :raises CommandFailed: when no report can be made of it.
        """
        with tempfile.TemporaryDirectory(prefix="slipway-load-") as name:
            folder = Path(name)
            for number, share in shares.items():
                (folder / str(number)).mkdir()
                (folder / str(number) / "share.json").write_bytes(share)
            code, output = self.run_command(
                [
                    sys.executable, str(locustfile.with_name("merge.py")), name, "--users", str(users),
                    "--seconds", f"{duration_seconds:g}", "--generators", str(generators),
                ],
                environment={"PYTHONPATH": str(INCLUDE.parent)},
                timeout_seconds=_MARGIN_SECONDS,
            )  # fmt: skip
            if code:
                raise CommandFailed(f"load test {locustfile.name}: cannot be merged:\n{tail(output)}")
            result: dict[str, Any] = json.loads((folder / "report.json").read_text())
            return result
