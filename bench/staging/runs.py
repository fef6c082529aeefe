"""One shortened load of one version, as a release runs it."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import psycopg
from psycopg import sql
from slipway.hooks.command.load import LoadGeneratorHook
from slipway.policy.staging import LoadTest

from bench.staging.faults import Fault
from sandbox.databases import postgres
from sandbox.seed.database import seed
from sandbox.supervisor.settings import REPOSITORY, Settings
from tests.integration.sandbox.platform.services import (
    PRICING,
    SIGNING_KEY,
    Service,
    backend_environment,
    launch,
    start,
)

_STOPPED_SECONDS, _RUNNING_SECONDS = 0.15, 0.05


def database(settings: Settings) -> str:
    """Make the product's database as a release's migrations leave it; return its URI, with the password."""
    with psycopg.connect(postgres.uri(settings, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier("platform")))
    uri = postgres.uri(settings, "platform")
    seed(uri)
    with psycopg.connect(uri, autocommit=True) as connection:
        for path in sorted((REPOSITORY / "include" / "sql" / "postgres" / "migrations").glob("*.sql")):
            if not path.name.endswith(".rollback.sql"):
                connection.execute(path.read_bytes())
    return uri


def run(fault: Fault, uri: str, limits: LoadTest, redis_url: str = "") -> dict[str, Any]:
    """Start a version, load it, and return the report.

    :param fault: what is wrong with it.
    :param uri: of the product's database.
    :param limits: the policy of the load test.
    :param redis_url: of the Redis that its backend uses; empty for none.
    """
    own = {**fault.backend, "REDIS_URL": redis_url}
    with (
        TemporaryDirectory(prefix="slipway-bench-") as folder,
        _platform(fault, own, uri, Path(folder)) as urls,
    ):
        hook = LoadGeneratorHook()
        with _throttled() if fault.slow_generator else contextlib.nullcontext():
            try:
                return hook.run(
                    REPOSITORY / "include" / limits.locustfile,
                    environment={
                        **urls,
                        "PRICING": json.dumps(PRICING),
                        "LOAD_TEST_RATE": f"{limits.requests_per_second:g}",
                        "LOAD_TEST_COSTS_WITHIN_SECONDS": f"{limits.maximum_cost_tracking_seconds:g}",
                    },
                    users=limits.users,
                    duration_seconds=limits.duration_seconds,
                )
            finally:
                hook.stop()


@contextlib.contextmanager
def _platform(fault: Fault, backend: Mapping[str, str], uri: str, folder: Path) -> Iterator[dict[str, str]]:
    services: list[Service] = []
    try:
        crashes = "FAULT_CRASH_ON_START" in fault.backend
        begin = launch if crashes else start
        services.append(begin("backend", backend_environment(uri, **backend), folder / "backend.log"))
        signing = {"AUTH_SIGNING_KEY": SIGNING_KEY, **fault.auth}
        services.append(start("auth", signing, folder / "auth.log"))
        services.append(start("frontend", {"BACKEND_URL": services[0].url}, folder / "frontend.log"))
        yield {
            f"{name}_URL": service.url
            for name, service in zip(("BACKEND", "AUTH", "FRONTEND"), services, strict=True)
        }
    finally:
        for service in services:
            service.process.kill()
            service.process.wait()


@contextlib.contextmanager
def _throttled() -> Iterator[None]:
    """Stop the load generator again and again, as a machine does that has no time for it."""
    ended = threading.Event()

    def throttle() -> None:
        while not ended.wait(_RUNNING_SECONDS):
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.Error):
                    if "locust" in child.cmdline():
                        child.send_signal(signal.SIGSTOP)
                        ended.wait(_STOPPED_SECONDS)
                        child.send_signal(signal.SIGCONT)

    thread = threading.Thread(target=throttle)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
