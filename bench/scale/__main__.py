"""How late checks are with many bakes on one triggerer; a release of 50 services; 1,000 releases on record.

    python -m bench.scale [--bakes 1 100 500] [--seconds 75] [--releases 1000]

The ledger is a real PostgreSQL; the metrics source answers at once, and the comparison with the live service
is left out: what is measured is Slipway's own part. *each* is the processor time of a check, which other load
on the machine changes least.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from slipway.commands.migrate_ledger import migrate_ledger
from slipway.ledger.entries import ReleaseOpened, SuiteRun
from slipway.ledger.ledger import Ledger
from slipway.ledger.listing import ReleaseFilter
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.request import plan_release

from sandbox.databases import postgres
from sandbox.supervisor import credentials
from sandbox.supervisor.processes import running
from sandbox.supervisor.settings import HOST, Settings
from tests.own_sandbox import own_sandbox

SERVICES, ENTRIES = 50, 3
CHILD_SECONDS = 120


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description="How much one of each takes.")
    parser.add_argument("--bakes", type=int, nargs="*", default=[1, 100, 500])
    parser.add_argument("--seconds", type=float, default=75)
    parser.add_argument("--releases", type=int, default=1000)
    asked = parser.parse_args()
    with own_sandbox() as settings, running(postgres.program(settings), settings):
        postgres.create_databases(settings)
        _connect(settings)
        migrate_ledger()
        ledger = Ledger()
        release = _open(ledger, prompt_policy(load_policy("release.yaml")), 0)
        print(
            f"{'bakes':>6}{'checks':>8}{'of':>7}{'median':>9}{'P99':>9}{'start':>9}{'each':>10}{'memory':>10}"
        )
        with _source(settings):
            for bakes in asked.bakes:
                _print_bakes(bakes, asked.seconds, release)
        _print_services(ledger)
        _print_releases(ledger, asked.releases)


def prompt_policy(policy: Policy) -> Policy:
    """Return a policy whose metrics are there at once, so that every check is due when it begins.

    :param policy: the policy.
    """
    document = policy.model_dump(mode="json")
    document["decision"]["ingestion_seconds"] = 0
    for metric in document["metrics"].values():
        metric["ingestion_seconds"] = 0
    return parse_policy(document, source="of the benchmark")


def many_services(policy: Policy) -> Policy:
    """Return a policy with as many services as the benchmark asks.

    :param policy: the policy.
    """
    document = policy.model_dump(mode="json")
    for number in range(SERVICES - len(policy.services)):
        document["services"][f"more{number}"] = document["services"]["auth"] | {
            "names": {"staging": f"more{number}-staging", "production": f"more{number}-prod"}
        }
    return parse_policy(document, source="of the benchmark")


def _connect(settings: Settings) -> None:
    os.environ["AIRFLOW_CONN_SLIPWAY_LEDGER"] = json.dumps(
        {
            "conn_type": "postgres",
            "host": HOST,
            "port": settings.postgres_port,
            "login": postgres.SUPERUSER,
            "password": credentials.load(settings).postgres_password,
            "schema": "slipway",
        }
    )
    os.environ["AIRFLOW_CONN_SLIPWAY_PROMQL"] = json.dumps(
        {"conn_type": "http", "host": settings.prometheus_url}
    )
    os.environ["SLIPWAY_ANCHORS"] = str(settings.home / "anchors")


def _open(ledger: Ledger, policy: Policy, number: int) -> str:
    plan = plan_release(
        {"version": f"1.{number}.0"},
        run_id=f"run {number} {len(policy.services)}",
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    # Names of their own: a release that is open has locked its services.
    end = f"-{number}" if number else ""
    stable = {f"{service.names['production']}{end}": {"one": 100} for service in plan.services.values()}
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable=stable))
    return plan.release_id


@contextmanager
def _source(settings: Settings) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.scale.source", str(settings.prometheus_port)]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


def _print_bakes(bakes: int, seconds: float, release: str) -> None:
    command = [sys.executable, "-m", "bench.scale.triggerer", str(bakes), str(seconds), release]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, timeout=seconds + CHILD_SECONDS
    )
    found = json.loads(done.stdout.splitlines()[-1])
    late = f"{found['median']:>7.2f} s{found['p99']:>7.2f} s"
    print(
        f"{bakes:>6}{found['checks']:>8}{found['expected']:>7.0f}{late}"
        f"{found['worst_at_start']:>7.1f} s{1000 * found['cpu_each']:>7.1f} ms"
        f"{found['memory'] / 2**20:>6.0f} MiB",
        flush=True,
    )


def _print_services(ledger: Ledger) -> None:
    policy, began = many_services(load_policy("release.yaml")), time.perf_counter()
    release = _open(ledger, policy, 1)
    opened = time.perf_counter()
    ledger.release(release)
    print(
        f"a release of {SERVICES} services: planned, opened and locked in {opened - began:.2f} s,"
        f" read in {time.perf_counter() - opened:.3f} s",
        flush=True,
    )


def _print_releases(ledger: Ledger, count: int) -> None:
    policy, began = load_policy("release.yaml"), time.perf_counter()
    for number in range(2, count + 2):
        release = _open(ledger, policy, number)
        for suite in range(ENTRIES):
            ledger.append(release, SuiteRun(suite=str(suite), tests=1, passed=1))
        ledger.close(release, outcome="promoted", reason="a benchmark")
    written = time.perf_counter()
    ledger.listing.find(ReleaseFilter(), limit=25)
    listed = time.perf_counter()
    anchored = ledger.verification.anchor_every()
    kept = time.perf_counter()
    wrong = [found for found in ledger.verification.every() if not found.holds]
    verified = time.perf_counter()
    if wrong:
        raise RuntimeError(wrong[0].sentence)
    each = 1000 * (written - began) / (count * (ENTRIES + 2))
    print(
        f"{count} releases on record: {each:.1f} ms an entry, a page of the list in {listed - written:.3f} s,"
        f" {anchored.releases} anchored in {kept - listed:.1f} s, verified in {verified - kept:.1f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
