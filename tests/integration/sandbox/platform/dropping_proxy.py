"""A TCP proxy that cuts one chosen request off, so that a client's honesty can be tested."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from sandbox.supervisor.settings import HOST

BLOCK = 65536


class DroppingProxy:
    """Passes bytes on to one port of this machine, in both directions.

    :param target: the port behind it.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((HOST, 0))
        self._prefix: bytes | None = None
        self._lock = threading.Lock()
        self.connections = 0

    @property
    def url(self) -> str:
        """Base URL of the proxy."""
        return f"http://{HOST}:{self._listener.getsockname()[1]}"

    def drop_next(self, prefix: bytes) -> None:
        """Close the connection of the next request that begins with ``prefix``, unanswered."""
        with self._lock:
            self._prefix = prefix

    @property
    def dropped(self) -> bool:
        """Whether the chosen request was cut off."""
        return self._prefix is None

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                server = socket.create_connection((HOST, self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(BLOCK):
                if self._is_chosen(data):
                    break
                server.sendall(data)
        _close(client, server)

    def _is_chosen(self, data: bytes) -> bool:
        with self._lock:
            if self._prefix is None or not data.startswith(self._prefix):
                return False
            self._prefix = None
            return True


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(BLOCK):
            target.sendall(data)
    _close(source, target)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
