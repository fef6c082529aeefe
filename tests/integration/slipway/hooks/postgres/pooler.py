"""A pooler in transaction mode, in PostgreSQL's protocol: a transaction gets a session of the pool.

It signs every client in by itself and hands the session that was given back last to the next transaction, as
PgBouncer does.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

_ENCRYPTION_REQUESTS = (80877103, 80877104)
_REPORTED = (
    "server_version",
    "server_encoding",
    "client_encoding",
    "DateStyle",
    "integer_datetimes",
    "standard_conforming_strings",
)


class TransactionPooler:
    """Relays clients to a few sessions.

    :param uri: of the database.
    :param size: sessions in the pool.
    """

    def __init__(self, uri: str, size: int) -> None:
        self._sessions = [psycopg.connect(uri, autocommit=True) for _ in range(size)]
        self._backends = [
            socket.fromfd(session.fileno(), socket.AF_INET, socket.SOCK_STREAM) for session in self._sessions
        ]
        for backend in self._backends:
            backend.setblocking(True)
        self._free = deque(self._backends)
        self._given_back = threading.Condition()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop taking clients, and end the sessions."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for backend in self._backends:
            backend.close()
        for session in self._sessions:
            session.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            self._sign_in(client)
            while self._transaction(client):
                pass
        except (OSError, EOFError):
            pass
        finally:
            client.close()

    def _sign_in(self, client: socket.socket) -> None:
        while True:
            length, code = struct.unpack("!ii", _exactly(client, 8))
            _exactly(client, length - 8)
            if code not in _ENCRYPTION_REQUESTS:
                break
            client.sendall(b"N")
        told = self._sessions[0].info
        reported = [(name, told.parameter_status(name) or "") for name in _REPORTED]
        client.sendall(
            _message(b"R", struct.pack("!i", 0))
            + b"".join(_message(b"S", f"{name}\0{value}\0".encode()) for name, value in reported)
            + _message(b"K", struct.pack("!ii", 4711, 4711))
            + _message(b"Z", b"I")
        )

    def _transaction(self, client: socket.socket) -> bool:
        """Relay one transaction; returns whether the client goes on."""
        kind, whole = _read(client)
        if kind == b"X":
            return False
        with self._given_back:
            self._given_back.wait_for(lambda: bool(self._free))
            backend = self._free.pop()
        try:
            while True:
                backend.sendall(whole)
                if kind in (b"Q", b"S") and self._answer(client, backend) == b"I":
                    return True
                kind, whole = _read(client)
                if kind == b"X":
                    return False
        finally:
            with self._given_back:
                self._free.append(backend)
                self._given_back.notify()

    def _answer(self, client: socket.socket, backend: socket.socket) -> bytes:
        while True:
            kind, whole = _read(backend)
            client.sendall(whole)
            if kind == b"Z":
                return whole[-1:]


@contextmanager
def transaction_pooler(uri: str, size: int = 4) -> Iterator[int]:
    """Run the pooler; yields its port."""
    pooler = TransactionPooler(uri, size)
    try:
        yield pooler.port
    finally:
        pooler.close()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _read(peer: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(peer, 5)
    return head[:1], head + _exactly(peer, struct.unpack("!i", head[1:])[0] - 4)


def _exactly(peer: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        part = peer.recv(size - len(got))
        if not part:
            raise EOFError
        got += part
    return got
