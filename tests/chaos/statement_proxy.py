"""A real proxy in front of PostgreSQL that can cut the connection at the n-th statement."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 65536
_TYPES_THAT_END_A_STATEMENT = (b"Q", b"S")
"""A simple query, or the Sync after the messages of an extended one."""


class _CutError(Exception):
    """The connection ends here."""


@dataclass
class StatementProxy:
    """A running proxy; the protocol is PostgreSQL's, version 3, without encryption.

    :param upstream: port of the server on loopback.
    :param seen: one text per statement that came by.
    """

    upstream: int
    port: int = 0
    seen: list[str] = field(default_factory=list)
    _at: int = 0
    _before: Callable[[], object] | None = None
    _after: Callable[[], object] | None = None
    happened: bool = False

    def reset(self) -> None:
        """Forget what is to happen, and what was seen."""
        self.seen.clear()
        self._at, self._before, self._after, self.happened = 0, None, None, False

    def cut_at(
        self,
        number: int,
        *,
        before: Callable[[], object] | None = None,
        after: Callable[[], object] | None = None,
    ) -> None:
        """Cut the connection at the n-th statement.

        :param number: 1 for the next statement.
        :param before: called before the statement is forwarded; it never is.
        :param after: called when the server has carried it out; its answer is lost.
        """
        self.reset()
        self._at, self._before, self._after = number, before, after

    def begin(self, statement: str) -> None:
        """Note a statement that is about to be forwarded."""
        self.seen.append(statement)
        self._do(self._before)

    def done(self) -> None:
        """Note that the server has carried a statement out."""
        self._do(self._after)

    def _do(self, what: Callable[[], object] | None) -> None:
        if what is not None and len(self.seen) == self._at and not self.happened:
            self.happened = True
            what()
            raise _CutError


class _Connection:
    """One client's connection, and the proxy's own to the server."""

    def __init__(self, proxy: StatementProxy, client: socket.socket) -> None:
        self._proxy, self._client = proxy, client
        self._server = socket.create_connection(("127.0.0.1", proxy.upstream))
        for side in (self._client, self._server):
            # A statement and its answer are several small messages: none may wait for the one before.
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._waiting = False

    def run(self) -> None:
        """Pass on what both sides say until one of them ends, or the connection is cut."""
        answers = threading.Thread(target=self._guarded, args=(self._pass_answers,))
        answers.start()
        self._guarded(self._pass_statements)
        answers.join()
        self._client.close()
        self._server.close()

    def _guarded(self, passing: Callable[[], None]) -> None:
        with suppress(_CutError, OSError, EOFError):
            passing()
        for side in (self._client, self._server):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _pass_statements(self) -> None:
        self._server.sendall(_message(self._client, typed=False))
        texts: list[bytes] = []
        held = b""
        while True:
            message = _message(self._client)
            held += message
            if message[:1] in (b"Q", b"P"):
                texts.append(message[5:])
            if message[:1] in _TYPES_THAT_END_A_STATEMENT:
                self._proxy.begin(_text(texts))
                self._waiting = True
                texts = []
            self._server.sendall(held)
            held = b""

    def _pass_answers(self) -> None:
        while True:
            message = _message(self._server)
            if message[:1] == b"Z" and self._waiting:
                self._waiting = False
                self._proxy.done()
            self._client.sendall(message)


def _text(messages: list[bytes]) -> str:
    """Return the first line of the SQL in a client's messages: after the name of the prepared statement."""
    text = b"\0".join(messages).strip(b"\0").partition(b"\0")[0].decode()
    return " ".join(text.split())


def _message(side: socket.socket, *, typed: bool = True) -> bytes:
    head = _exactly(side, 5 if typed else 4)
    length = int.from_bytes(head[-4:], "big")
    return head + _exactly(side, length - 4)


def _exactly(side: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = side.recv(min(_CHUNK, count - len(found)))
        if not chunk:
            raise EOFError
        found += chunk
    return found


@contextmanager
def statement_proxy(upstream: int) -> Iterator[StatementProxy]:
    """Run a proxy in front of the PostgreSQL server at a loopback port."""
    proxy = StatementProxy(upstream)
    connections: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy.port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    connection = threading.Thread(target=_Connection(proxy, client).run)
                    connection.start()
                    connections.append(connection)

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in connections:
                connection.join(5)
