"""Databases with the product's schema, and the platform's processes on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest
from psycopg import sql

from sandbox.databases import postgres
from sandbox.seed.database import seed
from sandbox.supervisor.settings import REPOSITORY, Settings
from tests.integration.sandbox.platform.services import (
    SIGNING_KEY,
    STOP_SECONDS,
    Service,
    User,
    backend_environment,
    start,
)

MIGRATIONS = REPOSITORY / "include" / "sql" / "postgres" / "migrations"

StartBackend = Callable[..., Service]


def product_database(server: Settings, name: str) -> str:
    """Make a database of the product before its first release; return its connection URI."""
    with psycopg.connect(postgres.uri(server, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    uri = postgres.uri(server, name)
    seed(uri)
    return uri


@pytest.fixture(scope="session")
def database(postgres_server: Settings) -> str:
    """Connection URI of the product's database as a release's migrations leave it."""
    uri = product_database(postgres_server, "platform")
    with psycopg.connect(uri, autocommit=True) as connection:
        for path in sorted(MIGRATIONS.glob("*.sql")):
            if not path.name.endswith(".rollback.sql"):
                connection.execute(path.read_bytes())
    return uri


@pytest.fixture(scope="session")
def database_before(postgres_server: Settings) -> str:
    """Connection URI of the product's database before the first release: no usage table."""
    return product_database(postgres_server, "platform_before")


@pytest.fixture(scope="session")
def start_backend(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartBackend]:
    """Start a backend with variables of its own; the same variables give the same process."""
    folder = tmp_path_factory.mktemp("backends")
    started: dict[tuple[tuple[str, str], ...], Service] = {}

    def backend(**changes: str) -> Service:
        key = tuple(sorted(changes.items()))
        if key not in started:
            log = folder / f"{len(started)}.log"
            started[key] = start("backend", backend_environment(database, **changes), log)
        return started[key]

    yield backend
    for service in started.values():
        # A graceful end takes its time, and has tests of its own.
        service.process.kill()
        service.process.wait(STOP_SECONDS)


@pytest.fixture(scope="session")
def backend(start_backend: StartBackend) -> Service:
    """The good version, shared by the tests that do not end it."""
    return start_backend()


@pytest.fixture(scope="session")
def auth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The auth service."""
    environment = {"AUTH_SIGNING_KEY": SIGNING_KEY, "K_REVISION": "auth-under-test"}
    service = start("auth", environment, tmp_path_factory.mktemp("auth") / "log")
    yield service
    service.stop()


@pytest.fixture(scope="session")
def frontend(backend: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The frontend of the good backend."""
    environment = {"BACKEND_URL": backend.url, "K_REVISION": "frontend-under-test"}
    service = start("frontend", environment, tmp_path_factory.mktemp("frontend") / "log")
    yield service
    service.stop()


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    """An HTTP client."""
    with httpx.Client(timeout=10, trust_env=False) as made:
        yield made


@pytest.fixture
def new_user(client: httpx.Client) -> Callable[[Service], User]:
    """Make a user of a backend whom nobody has seen before."""
    return lambda service: User.of(service, client)
