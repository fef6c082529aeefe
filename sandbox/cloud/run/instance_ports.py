"""Free loopback ports for instances."""

from __future__ import annotations

import socket

from sandbox.supervisor.settings import HOST


class InstancePorts:
    """Hands ports out in turn, so that one just given back is not reused at once.

    :param ports: the ports to choose from.
    """

    def __init__(self, ports: range) -> None:
        self._ports = ports
        self._next = 0

    def take(self) -> int:
        """Return a port that nothing listens on.

        :raises RuntimeError: every port is in use.
        """
        for _ in self._ports:
            port = self._ports[self._next]
            self._next = (self._next + 1) % len(self._ports)
            if free(port):
                return port
        raise RuntimeError(f"no free port for an instance in {self._ports.start}..{self._ports.stop - 1}")


def free(port: int) -> bool:
    """Whether nothing listens on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
