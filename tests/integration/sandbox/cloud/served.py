"""Routes of a stand-in, served over real HTTP from a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from sandbox.supervisor.settings import HOST

START_SECONDS = 60.0


@contextmanager
def served(routes: list[Route]) -> Iterator[str]:
    """Serve the routes until the end of the block.

    :return: the base URL.
    """
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), host=HOST, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    yield f"http://{HOST}:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(START_SECONDS)
    assert not thread.is_alive()
