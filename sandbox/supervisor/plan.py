"""The parts of the sandbox, and the parts that each waits for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sandbox.airflow import components
from sandbox.databases import postgres, prometheus, redis
from sandbox.databases.clickhouse import program as clickhouse
from sandbox.supervisor import repository
from sandbox.supervisor.processes import SERVES, Program, answers
from sandbox.supervisor.settings import HOST, Settings

START_SECONDS = 300.0
SEED_SECONDS = 300.0


@dataclass(frozen=True)
class Part:
    """One process of the sandbox.

    :param make: returns its program; called when its turn comes.
    :param after: names of the parts that must be ready before.
    """

    make: Callable[[], Program]
    after: tuple[str, ...] = ()


def parts(settings: Settings, *, airflow: bool) -> dict[str, Part]:
    """Return the parts by name.

    :param settings: where the sandbox lives, and its ports.
    :param airflow: whether Airflow and the simulated users belong to it, or the cloud alone.
    """
    cloud_parts = {
        "postgres": Part(lambda: postgres.program(settings)),
        "redis": Part(lambda: redis.program(settings)),
        "cloud": Part(lambda: cloud(settings), after=("postgres",)),
        "clickhouse": Part(lambda: clickhouse.program(settings), after=("postgres",)),
        "prometheus": Part(lambda: prometheus.program(settings), after=("postgres",)),
        "seed": Part(lambda: seed(settings), after=("cloud",)),
    }
    if not airflow:
        return cloud_parts
    return {
        **cloud_parts,
        "airflow-migrate": Part(lambda: components.migration(settings), after=("postgres",)),
        "ledger-migrate": Part(lambda: components.ledger_migration(settings), after=("postgres",)),
        "api-server": Part(lambda: components.api_server(settings), after=("postgres",)),
        # Their load is for the started sandbox: it would only slow down the start of Airflow.
        "users": Part(lambda: users(settings), after=("seed", "api-server")),
        **{
            program.name: Part(partial(_given, program), after=("airflow-migrate",))
            for program in components.components(settings)
        },
    }


def parts_beside(settings: Settings) -> dict[str, Part]:
    """Return the parts by name where Airflow and ClickHouse are others' and reach the cloud over a network.

    :param settings: where the sandbox lives, and its ports.
    """
    alone = parts(settings, airflow=False)
    del alone["clickhouse"]
    return {
        **alone,
        "git": Part(lambda: repository.program(settings), after=("seed",)),
        "users": Part(lambda: users(settings), after=("seed",)),
    }


def cloud(settings: Settings) -> Program:
    """Return the Google Cloud stand-ins, the registry, the exporter and the data plane."""
    return Program(
        name="cloud",
        command=[sys.executable, "-m", "sandbox.cloud"],
        ready=lambda: answers(f"http://{HOST}:{settings.google_port}/healthz"),
        bound=START_SECONDS,
        nice=SERVES,
    )


def seed(settings: Settings) -> Program:
    """Return what makes the world before the first release; it ends by itself."""
    return Program(
        name="seed",
        command=[sys.executable, "-m", "sandbox.seed"],
        ready=lambda: (settings.run / "endpoints.json").exists(),
        bound=SEED_SECONDS,
        ends=True,
    )


def users(settings: Settings) -> Program:
    """Return the simulated users."""
    return Program(
        name="users",
        command=[sys.executable, "-m", "sandbox.users"],
        # Their first counts are the sign that they are at work: the page answers before.
        ready=(settings.run / "users" / "counts.json").exists,
        bound=START_SECONDS,
        nice=SERVES,
    )


def _given(program: Program) -> Program:
    return program
