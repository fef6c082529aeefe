"""The HTTP server: authenticates, runs one statement per request, answers."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from tempfile import SpooledTemporaryFile
from urllib.parse import urlsplit

from sandbox.databases.clickhouse import body as request_body
from sandbox.databases.clickhouse import codecs, request, response
from sandbox.databases.clickhouse.engine import Counts, Engine
from sandbox.databases.clickhouse.errors import QueryError
from sandbox.databases.clickhouse.sessions import Scope, Sessions
from sandbox.databases.clickhouse.statement import Kind

_log = logging.getLogger("slipway.clickhouse")
_MOST_QUERIES_AT_ONCE = 64
_RESULT_IN_MEMORY = 16 * 1024 * 1024
_PIECE = 256 * 1024


class ClickHouseServer(ThreadingHTTPServer):
    """Serves one engine.

    :param address: host and port; bound at once, listening only after ``server_activate``.
    :param user: the one user, with every right.
    :param password: the password.
    :raises OSError: when the port is in use.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], user: str, password: str) -> None:
        super().__init__(address, _Handler, bind_and_activate=False)
        self._user = user
        self._password = password
        self._slots = threading.BoundedSemaphore(_MOST_QUERIES_AT_ONCE)
        self._idle = threading.Condition()
        self._running = 0
        self.engine: Engine
        self.sessions: Sessions
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise

    def attach(self, engine: Engine) -> None:
        """Give the server its engine and begin to listen."""
        self.engine = engine
        self.sessions = Sessions(engine)
        self.server_activate()

    def service_actions(self) -> None:
        """Called about twice a second by ``serve_forever``."""
        self.sessions.close_idle()

    def authenticate(self, user: str, password: str) -> None:
        """Check a client's name and password.

        :param user: the user.
        :param password: the password.
        :raises QueryError: 516 when they are not right.
        """
        same_user = hmac.compare_digest(user.encode(), self._user.encode())
        same_password = hmac.compare_digest(password.encode(), self._password.encode())
        if not (same_user and same_password):
            text = f"{user}: Authentication failed: password is incorrect, or there is no user with such name"
            raise QueryError.named(516, "AUTHENTICATION_FAILED", text)

    @contextmanager
    def query_slot(self) -> Iterator[None]:
        """Count a query as running.

        :raises QueryError: 202 when too many are.
        """
        if not self._slots.acquire(blocking=False):
            text = f"Too many simultaneous queries. Maximum: {_MOST_QUERIES_AT_ONCE}"
            raise QueryError.named(202, "TOO_MANY_SIMULTANEOUS_QUERIES", text)
        with self._idle:
            self._running += 1
        try:
            yield
        finally:
            self._slots.release()
            with self._idle:
                self._running -= 1
                self._idle.notify_all()

    def wait_idle(self, timeout: float) -> bool:
        """Wait until no query runs; False when some still do after ``timeout`` seconds."""
        with self._idle:
            return self._idle.wait_for(lambda: self._running == 0, timeout)


class _Handler(BaseHTTPRequestHandler):
    server: ClickHouseServer
    protocol_version = "HTTP/1.1"
    server_version = "ClickHouse"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = 300

    def do_GET(self) -> None:
        """Answer a read, or the liveness checks."""
        path = urlsplit(self.path)
        if path.path in ("/ping", "/replicas_status") or (path.path == "/" and not path.query):
            response.send_text(self, 200, "Ok.\n")
            return
        self._query(is_get=True)

    def do_POST(self) -> None:
        """Answer any statement."""
        self._query(is_get=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: ``_query`` logs one line per statement, without its text."""

    def _query(self, is_get: bool) -> None:
        started = time.monotonic_ns()
        headers = {name.lower(): value for name, value in self.headers.items()}
        raw = request_body.read(self.rfile, headers)
        parameters = request.url_parameters(urlsplit(self.path).query)
        query_id = parameters.get("query_id", "")
        failure: QueryError | None = None
        kind = "-"
        try:
            with self.server.query_slot():
                self._authenticate(parameters, headers)
                decoded = codecs.decode(raw, headers.get("content-encoding", ""))
                asked = request.read(parameters, headers, decoded, is_get)
                kind, query_id = asked.statement.kind.value, asked.query_id
                failure = self._run(asked, headers, started)
        except QueryError as error:
            failure = error
            for _ in raw:  # a client reads the answer only after it has sent its whole body
                continue
            response.send_error(self, error, query_id)
        except (BrokenPipeError, ConnectionResetError, TimeoutError) as error:
            self.close_connection = True
            _log.info("client went away: query_id=%s kind=%s (%s)", query_id, kind, error)
            return
        milliseconds = (time.monotonic_ns() - started) / 1e6
        code = failure.code if failure else 0
        _log.info("query_id=%s kind=%s code=%d ms=%.1f", query_id, kind, code, milliseconds)

    def _authenticate(self, parameters: dict[str, str], headers: dict[str, str]) -> None:
        user = headers.get("x-clickhouse-user") or parameters.get("user") or "default"
        password = headers.get("x-clickhouse-key") or parameters.get("password") or ""
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(encoded).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError) as error:
                text = "the Authorization header is not base64 of user:password"
                raise QueryError.named(516, "AUTHENTICATION_FAILED", text) from error
        self.server.authenticate(user, password)

    def _scope(self, asked: request.Request) -> AbstractContextManager[Scope]:
        if asked.session_id is None:
            return _single_use(self.server.engine)
        return self.server.sessions.use(asked.session_id, asked.session_timeout, asked.session_check)

    def _run(self, asked: request.Request, headers: dict[str, str], started: int) -> QueryError | None:
        """Run and answer; return an error that the client got inside the result."""
        statement = asked.statement
        with self._scope(asked) as scope:
            if statement.kind is Kind.SETTING:
                scope.restore()
                scope.forget_database()
            else:
                scope.prepare(asked.database, asked.settings)
            if statement.kind is Kind.INSERT_DATA:
                data_format = statement.format or asked.default_format
                counts = scope.handle.insert(statement.text, data_format, asked.data)
                response.send_done(self, asked.query_id, counts, time.monotonic_ns() - started)
                return None
            if statement.streams(asked.default_format):
                blocks = scope.handle.stream(statement.text, asked.default_format, asked.parameters)
                counts = Counts()
            else:
                output, counts = scope.handle.execute(statement.text, asked.default_format, asked.parameters)
                if not output and statement.kind in (Kind.WRITE, Kind.SETTING):
                    response.send_done(self, asked.query_id, counts, time.monotonic_ns() - started)
                    return None
                blocks = _whole(output)
            with closing(blocks) as result:
                return self._answer(asked, headers, result, counts, started)

    def _answer(
        self,
        asked: request.Request,
        headers: dict[str, str],
        blocks: Iterator[bytes],
        counts: Counts,
        started: int,
    ) -> QueryError | None:
        accepted = headers.get("accept-encoding", "") if asked.compress_response else ""
        writer = response.ResultWriter(self, accepted)
        with SpooledTemporaryFile(max_size=_RESULT_IN_MEMORY) as spool:
            if asked.wait_end_of_query:
                for block in blocks:
                    spool.write(block)
                spool.seek(0)
                ready: Iterator[bytes] = iter(lambda: spool.read(_PIECE), b"")
            else:
                # The first block before the headers: most errors can still become an HTTP status.
                first = next(blocks, b"")
                ready = chain((first,) if first else (), blocks)
            result_format = asked.statement.format or asked.default_format
            writer.begin(asked.query_id, result_format, counts, time.monotonic_ns() - started)
            return writer.write(ready)


def _whole(output: bytes) -> Generator[bytes]:
    yield output


@contextmanager
def _single_use(engine: Engine) -> Iterator[Scope]:
    handle = engine.open()
    try:
        yield Scope(handle, lasting=False)
    finally:
        handle.close()
