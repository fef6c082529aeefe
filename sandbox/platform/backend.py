"""The backend: ``python -m sandbox.platform.backend --host 127.0.0.1 --port $PORT``."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from sandbox.platform.accounts import AccountBook
from sandbox.platform.configuration import BackendConfiguration
from sandbox.platform.database import Database
from sandbox.platform.errors import ConfigurationError
from sandbox.platform.events import EventStream
from sandbox.platform.fan_out import FanOut
from sandbox.platform.faults import Faults
from sandbox.platform.flags import FeatureFlags
from sandbox.platform.http_api import HttpApi
from sandbox.platform.identity import Verifier
from sandbox.platform.metrics import BackendMetrics, RequestMetrics
from sandbox.platform.optimization import OptimizationService
from sandbox.platform.price_book import note_prices
from sandbox.platform.product_events import ProductEvents
from sandbox.platform.request_counts import RequestCounts
from sandbox.platform.server import ServiceMiddleware, arguments, run, serve, service_routes
from sandbox.platform.sessions import SessionStore
from sandbox.platform.shared_state import SharedState
from sandbox.platform.writer import RecordWriter

LAST_WRITE_SECONDS = 3.0

_log = logging.getLogger(__name__)


async def main() -> None:
    """Serve until SIGTERM, then write the last rows.

    :raises ConfigurationError: when a setting cannot be used.
    :raises DatabaseError: when the database does not answer in time.
    """
    options = arguments("backend", os.environ.get("PORT", ""))
    faults = _faults()
    configuration = BackendConfiguration.from_environment(os.environ)
    metrics = BackendMetrics()
    reading, writing = Database(configuration.database_url), Database(configuration.database_url)
    await reading.wait(configuration.database_connect_seconds)
    flags = FeatureFlags(configuration.flags, configuration.flags_reference, configuration.secret_manager)
    await flags.look()
    writer = event_writer = None
    if configuration.tracking:
        writer = RecordWriter(writing, metrics.usage_rows, metrics.usage_write_failures)
        event_writer = RecordWriter(writing, metrics.event_rows, metrics.event_write_failures)
        await note_prices(writing, configuration.prices)
    events = ProductEvents(configuration.revision, event_writer)
    accounts = AccountBook(
        reading, writer, configuration.default_budget_usd, configuration.session_ttl_seconds
    )
    shared = SharedState(configuration.redis_url, configuration.environment, metrics)
    fan_out = FanOut(shared, metrics)
    sessions = SessionStore(
        shared,
        reading if configuration.tracking else None,
        metrics,
        configuration.session_ttl_seconds,
        faults.session_leak_rate,
    )
    service = OptimizationService(
        configuration,
        flags,
        faults,
        metrics,
        accounts,
        writer,
        events,
        sessions,
        RequestCounts(shared, metrics, configuration.requests_per_minute, configuration.session_ttl_seconds),
        fan_out,
    )
    draining = asyncio.Event()
    verifier = Verifier(configuration.signing_key)
    api = HttpApi(service, accounts, verifier, events)
    stream = EventStream(service, verifier, faults, metrics, draining, events, fan_out)
    application = ServiceMiddleware(
        Starlette(
            routes=[
                Route("/v1/optimize", api.optimize, methods=["POST"]),
                Route("/v1/costs", api.costs),
                Route("/v1/budget", api.set_budget, methods=["PUT"]),
                WebSocketRoute("/v1/events", stream.serve),
                *service_routes(),
            ]
        ),
        configuration.revision,
        RequestMetrics(),
        draining,
        faults,
    )
    tasks = [
        asyncio.create_task(accounts.run()),
        asyncio.create_task(flags.run()),
        asyncio.create_task(fan_out.run()),
        asyncio.create_task(_clean_up(sessions, accounts, configuration)),
    ]
    writers = [own for own in (writer, event_writer) if own]
    tasks += [asyncio.create_task(own.run()) for own in writers]
    try:
        await serve(application, options.host, options.port, draining)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(own.close(LAST_WRITE_SECONDS) for own in writers))
        await asyncio.gather(reading.close(), writing.close(), shared.close())


async def _clean_up(
    sessions: SessionStore, accounts: AccountBook, configuration: BackendConfiguration
) -> None:
    while True:
        await asyncio.sleep(configuration.cleanup_interval_seconds)
        _log.info("forgot %d idle sessions and %d idle accounts", sessions.clean_up(), accounts.clean_up())


def _faults() -> Faults:
    try:
        faults = Faults.from_environment(os.environ)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    if faults.crash_on_start:
        _log.error("FAULT_CRASH_ON_START is set")
        sys.exit(1)
    return faults


if __name__ == "__main__":
    run(main())
