"""A port that somebody else has is named, with what it is for and with the way out."""

from __future__ import annotations

import socket

import pytest

from sandbox.cloud.listening import PortInUseError, check_free, listen
from sandbox.supervisor.settings import HOST


def test_a_taken_port_is_named() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        wanted = rf"port {port} \(registry\) is in use: .*SLIPWAY_PORT_BASE"
        with pytest.raises(PortInUseError, match=wanted):
            listen(port, "registry")
        with pytest.raises(PortInUseError, match=wanted):
            check_free([port], "registry")


def test_a_free_port_is_listened_on() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    check_free([port], "registry")
    with listen(port, "registry") as opened, socket.create_connection((HOST, port)):
        assert opened.getsockname()[1] == port
