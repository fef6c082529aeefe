"""Sockets of the cloud's web servers, and servers that share one event loop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator

import uvicorn
from starlette.applications import Starlette

from sandbox.cloud.run.instance_ports import free
from sandbox.supervisor.settings import HOST


class PortInUseError(RuntimeError):
    """Somebody else listens on a port that the cloud needs."""


def listen(port: int, purpose: str) -> socket.socket:
    """Open a listening socket on loopback.

    :param port: port on loopback.
    :param purpose: what the port is for, for the message.
    :raises PortInUseError: the port is taken.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((HOST, port))
        opened.listen(512)
    except OSError as error:
        opened.close()
        raise PortInUseError(_message(port, purpose)) from error
    opened.setblocking(False)
    return opened


def check_free(ports: Iterable[int], purpose: str) -> None:
    """Check that nothing listens on any of the ports.

    :param ports: the ports.
    :param purpose: what they are for, for the error.
    :raises PortInUseError: naming the first that is taken.
    """
    for port in ports:
        if not free(port):
            raise PortInUseError(_message(port, purpose))


def _message(port: int, purpose: str) -> str:
    return (
        f"port {port} ({purpose}) is in use: stop what listens there, "
        "or choose other ports with SLIPWAY_PORT_BASE"
    )


class WebServer(uvicorn.Server):
    """A web server that leaves signals to whoever runs the event loop."""

    @classmethod
    def of(cls, application: Starlette) -> WebServer:
        """Make the server of an application."""
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        return cls(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
