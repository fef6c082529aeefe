"""Migrates in a process of its own that ends itself at a chosen statement; reads what to do from its input.

A line is ``<database URI> <folder> <statement> <moment>``: the process ends before it sends that statement
(``before``), while the server works on it (``during``), or not at all (statement 0). The answer is a line:
the number of statements when it came to its end, the signal that ended it otherwise. BEGIN and COMMIT are
statements too. Of every session but the first, what only prepares it again is left out: it changes nothing.

Forked after everything is imported: a process that starts anew takes seconds to get to its first statement.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg
from slipway.hooks.postgres.migrations import SchemaHook
from slipway.hooks.postgres.session import DatabaseIdentity
from slipway.policy.release import load_policy

PACE = load_policy("release.yaml").schema_rules.pace.model_copy(
    update={"retry_wait_seconds": 0.05, "batch_rows": 100, "batch_pause_seconds": 0}
)
HALF_A_MILLISECOND = 0.0005


def main() -> None:
    """Do what the input says, line by line."""
    for line in sys.stdin:
        uri, folder, statement, moment = line.split()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            os.dup2(2, 1)
            _migrate(uri, Path(folder), int(statement), moment, write)
        os.close(write)
        with os.fdopen(read) as answer:
            text = answer.read()
        _, status = os.waitpid(child, 0)
        print(text or f"signal {os.waitstatus_to_exitcode(status)}", flush=True)


def _migrate(uri: str, folder: Path, last: int, moment: str, answer: int) -> None:
    os.environ["AIRFLOW_CONN_KILLED"] = uri
    sent = 0
    # What every statement goes through on its way to the server, also those of a transaction's two ends.
    send = psycopg.Connection.wait

    apply = SchemaHook._apply
    counts = True

    def applying(self: Any, *arguments: Any) -> None:
        nonlocal counts
        counts = True
        apply(self, *arguments)
        counts = False

    def counting(self: Any, *arguments: Any, **keywords: Any) -> Any:
        nonlocal sent
        if not counts:
            return send(self, *arguments, **keywords)
        sent += 1
        if sent == last and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if sent == last:
            # Nothing handles it: the process is gone at once, as with SIGKILL, but at a moment to be chosen.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, HALF_A_MILLISECOND)
        return send(self, *arguments, **keywords)

    SchemaHook._apply = applying  # type: ignore[method-assign, assignment]
    psycopg.Connection.wait = counting  # type: ignore[method-assign]
    try:
        SchemaHook("killed").migrate(folder, pace=PACE, identity=DatabaseIdentity("product", "test"))
        os.write(answer, str(sent).encode())
    except Exception as error:  # noqa: BLE001  whatever it is, the test is to see it
        os.write(answer, f"{type(error).__name__}: {' '.join(str(error).split())}".encode())
    os._exit(0)


if __name__ == "__main__":
    main()
