"""``python -m sandbox.airflow.log_server``: Airflow's own task log server, on loopback alone.

The one that the scheduler and the triggerer start by themselves listens on every interface. This one
serves both their ports from one process.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal

import uvicorn
from airflow.utils.serve_logs.log_server import get_app

from sandbox.supervisor.settings import HOST, Settings


class _Server(uvicorn.Server):
    """A server that leaves the signals to the process it shares."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


async def serve(settings: Settings) -> None:
    """Serve the task logs on the worker's and the triggerer's port until a signal to stop."""
    app = get_app()
    servers = [
        _Server(uvicorn.Config(app, host=HOST, port=port, log_level="warning"))
        for port in (settings.worker_log_port, settings.trigger_log_port)
    ]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await asyncio.gather(*(server.serve() for server in servers))


if __name__ == "__main__":
    asyncio.run(serve(Settings.from_environment()))
