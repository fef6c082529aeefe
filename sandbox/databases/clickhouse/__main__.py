"""Run ClickHouse for the sandbox: ``python -m sandbox.databases.clickhouse``."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType

from sandbox.databases.clickhouse.engine import Engine, quote
from sandbox.databases.clickhouse.errors import ServerStartError
from sandbox.databases.clickhouse.program import DEFAULT_MEMORY, MEMORY_VARIABLE
from sandbox.databases.clickhouse.server import ClickHouseServer
from sandbox.supervisor import credentials
from sandbox.supervisor.settings import HOST, Settings

_log = logging.getLogger("slipway.clickhouse")
USER = "slipway"
DATABASE = "kpi"
COLLECTIONS = {"slipway_source": "netra_production", "slipway_ledger": "slipway"}
_GRACE_SECONDS = 2.0
_CANCEL_SECONDS = 1.5


def _define(engine: Engine, settings: Settings, postgres_password: str) -> None:
    """Create the database, and the named collections that keep PostgreSQL's password out of statements."""
    engine.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    for name, database in COLLECTIONS.items():
        values = (
            f"host = {quote(HOST)}, port = {settings.postgres_port}, user = {quote(USER)}, "
            f"password = {quote(postgres_password)}, database = {quote(database)}"
        )
        engine.command(f"CREATE NAMED COLLECTION IF NOT EXISTS {name} AS {values}")
        # One from an earlier start may have other values, and a rollup that was cut short may refer to it.
        engine.command(f"ALTER NAMED COLLECTION {name} SET {values}")


def _bind(settings: Settings, password: str) -> ClickHouseServer:
    try:
        return ClickHouseServer((HOST, settings.clickhouse_port), USER, password)
    except OSError as error:
        raise ServerStartError(
            f"{HOST}:{settings.clickhouse_port} cannot be bound ({error.strerror}): "
            f"stop the process that has it, or set SLIPWAY_PORT_BASE to other ports"
        ) from error


def _serve(settings: Settings) -> bool:
    """Serve until SIGTERM or SIGINT; returns whether every query had ended."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    secrets = credentials.load(settings)
    server = _bind(settings, secrets.clickhouse_password)
    engine = Engine(settings.data / "clickhouse", int(os.environ.get(MEMORY_VARIABLE, DEFAULT_MEMORY)))
    _define(engine, settings, secrets.postgres_password)
    server.attach(engine)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    _log.info("ready on %s:%d", HOST, settings.clickhouse_port)
    stop.wait()
    server.shutdown()
    server.server_close()
    if not server.wait_idle(_GRACE_SECONDS):
        engine.cancel_all()
    if not server.wait_idle(_CANCEL_SECONDS):
        return False
    server.sessions.close()
    engine.close()
    return True


def main() -> int:
    """Run until stopped.

    :return: 0 after a clean stop, 1 when the server could not start.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    try:
        ended = _serve(Settings.from_environment())
    except (ServerStartError, FileNotFoundError) as error:
        _log.error("%s", error)
        return 1
    if not ended:
        _log.warning("a query ignored its cancellation; leaving without closing the engine")
        sys.stdout.flush()
        # Interpreter shutdown frees the engine under the query's threads, which crashes.
        os._exit(0)
    _log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
