"""The door to a command on the worker: bounded in time, stopped as a whole, its output in the task log."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from airflow.sdk import BaseHook

from slipway.exceptions import CommandFailed

_GRACE_SECONDS = 10
#: By these a sandbox finds and ends everything that it started.
_MARKS = ("SLIPWAY_HOME", "SLIPWAY_STARTED_BY")
_TAIL_LINES = 15


class CommandHook(BaseHook):
    """Runs one command in a process group of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._process: subprocess.Popen[str] | None = None

    def run_command(
        self, command: Sequence[str], *, environment: Mapping[str, str], timeout_seconds: float
    ) -> tuple[int, str]:
        """Run a command and wait for it.

        :param command: program and arguments; no shell is involved.
        :param environment: variables on top of a minimal environment: the worker's own, which carries
            connections and keys, is not passed on.
        :param timeout_seconds: bound after which the process group is ended.
        :return: exit code and output.
        :raises CommandFailed: when it did not end in time.
        """
        minimal = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
        minimal |= {key: os.environ[key] for key in _MARKS if key in os.environ}
        self._process = subprocess.Popen(
            command,
            env=minimal | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = self._process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise CommandFailed(f"{command[0]}: not done after {timeout_seconds:g} s; stopped") from None
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()
        for line in output.splitlines():
            self.log.info(line)
        return self._process.returncode, output

    def stop(self) -> None:
        """End the command and everything it started."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def tail(output: str) -> str:
    """Return the last lines of an output, for an error message."""
    return "\n".join(output.splitlines()[-_TAIL_LINES:])
