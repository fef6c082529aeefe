"""How surely staging catches each fault of the platform, and lets a sound version pass.

    python -m bench.staging [--runs 20] [--faults cost,late] [--busy] [--redis]

Starts its own PostgreSQL, and for every run the platform with one fault; loads it as the sandbox's policy
says, and judges the report by it. Prints one table. A whole run takes about 25 s.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="slipway-bench-airflow-"))
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
os.environ.setdefault("SLIPWAY_REGISTRY_PORT", "1")

from slipway.analysis.load_report import LoadReport
from slipway.analysis.load_test import judge_load
from slipway.analysis.verdict import Decision, Verdict, combine
from slipway.policy.release import load_policy
from slipway.policy.staging import LoadTest

from bench.staging.faults import CLEAN, FAULTS, Fault
from bench.staging.hour import hour
from bench.staging.runs import database, run
from sandbox.databases import postgres, redis
from sandbox.supervisor.processes import running
from tests.own_sandbox import own_sandbox

HEAD = f"{'version':<40}{'stopped':>9}{'inconclusive':>14}{'passed':>8}  last reason not to pass"
_REASON_CHARACTERS = 150


def main() -> None:
    """Run the benchmark and print its table."""
    every = [fault.name for fault in (*CLEAN, *FAULTS)]
    parser = argparse.ArgumentParser(prog="python -m bench.staging", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="runs of each version")
    parser.add_argument("--faults", default=",".join(every), help=f"some of {','.join(every)}")
    parser.add_argument("--busy", action="store_true", help="beside a process that takes a whole core")
    parser.add_argument("--redis", action="store_true", help="with a Redis that the backend uses")
    options = parser.parse_args()
    unknown = set(options.faults.split(",")) - set(every)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: there are {', '.join(every)}")
    chosen = [fault for fault in (*CLEAN, *FAULTS) if fault.name in options.faults.split(",")]
    short = load_policy("sandbox.yaml").load_test
    whole = load_policy("release.yaml").load_test
    lines, reports = [HEAD], list[dict[str, Any]]()
    beside = _busy() if options.busy else contextlib.nullcontext()
    with contextlib.ExitStack() as servers:
        settings = servers.enter_context(own_sandbox())
        servers.enter_context(running(postgres.program(settings), settings))
        if options.redis:
            servers.enter_context(running(redis.program(settings), settings))
        servers.enter_context(beside)
        uri, redis_url = database(settings), redis.url(settings) if options.redis else ""
        sound = run(CLEAN[0], uri, short) if any(fault.an_hour for fault in chosen) else {}
        for fault in chosen:
            if fault.an_hour:
                line = _line(fault, options.runs, whole, _simulated(sound, fault, whole))
            else:
                measured = _measured(fault, uri, short, redis_url, reports)
                line = _line(fault, options.runs, short, measured)
            print(line, file=sys.stderr, flush=True)
            lines.append(line)
    print(
        f"{options.runs} runs, {short.users} users for {short.duration_seconds:g} s, {os.cpu_count()} cores"
    )
    print("\n".join(lines))
    if reports:
        generators = [report["generator"] for report in reports]
        print(f"load generator: {_spread(generators, 'cpu_percent', '% of a core')},", end=" ")
        print(f"P95 {_spread(generators, 'lateness_p95_ms', 'ms late')}")
    if sound_ones := [report for report in reports if report.get("sound")]:
        print(f"sound version: P50 {_spread(sound_ones, 'latency_p50_ms', 'ms')},", end=" ")
        print(f"P95 {_spread(sound_ones, 'latency_p95_ms', 'ms')}")


def _spread(found: list[dict[str, Any]], key: str, unit: str) -> str:
    values = sorted(one[key] for one in found)
    return f"{values[len(values) // 2]:.1f} {unit} (at most {values[-1]:.1f})"


def _measured(
    fault: Fault, uri: str, limits: LoadTest, redis_url: str, reports: list[dict[str, Any]]
) -> Callable[[int], dict[str, Any]]:
    def report(_: int) -> dict[str, Any]:
        found = run(fault, uri, limits, redis_url)
        if not fault.slow_generator:
            reports.append({**found, "sound": fault in CLEAN})
        return found

    return report


def _simulated(sound: dict[str, Any], fault: Fault, limits: LoadTest) -> Callable[[int], dict[str, Any]]:
    return lambda number: hour(sound, fault, number, limits.duration_seconds)


def _line(fault: Fault, runs: int, limits: LoadTest, report: Callable[[int], dict[str, Any]]) -> str:
    counts, reason = dict.fromkeys(Verdict, 0), ""
    for number in range(runs):
        decision = _judged(report(number), limits)
        counts[decision.verdict] += 1
        if decision.verdict is not Verdict.PROMOTE:
            reason = decision.reason
    return (
        f"{fault.title:<40}{counts[Verdict.ROLLBACK]:>9}{counts[Verdict.HOLD]:>14}{counts[Verdict.PROMOTE]:>8}"
        f"  {reason[:_REASON_CHARACTERS]}"
    )


def _judged(report: dict[str, Any], limits: LoadTest) -> Decision:
    return combine(judge_load(LoadReport.model_validate(report), limits), seconds=limits.duration_seconds)


@contextlib.contextmanager
def _busy() -> Iterator[None]:
    """Take a whole core."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    main()
