"""Answers in ClickHouse's HTTP dialect: summary headers, chunked results, errors before and inside them."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterator
from dataclasses import asdict
from io import BufferedIOBase
from typing import Protocol

from sandbox.databases.clickhouse.codecs import choose
from sandbox.databases.clickhouse.engine import Counts
from sandbox.databases.clickhouse.errors import QueryError

_CONTENT_TYPES = {
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "native": "application/octet-stream",
}


class Sink(Protocol):
    """The part of an HTTP handler that an answer is written to."""

    wfile: BufferedIOBase

    def send_response(self, code: int, message: str | None = None) -> None:
        """Write the status line."""

    def send_header(self, keyword: str, value: str) -> None:
        """Write one header."""

    def end_headers(self) -> None:
        """End the headers."""


def _summary(counts: Counts, elapsed_ns: int) -> str:
    values = {name: str(value) for name, value in asdict(counts).items()}
    return json.dumps(values | {"total_rows_to_read": "0", "elapsed_ns": str(elapsed_ns)})


def _common(sink: Sink, query_id: str) -> None:
    sink.send_header("X-ClickHouse-Server-Display-Name", "slipway")
    sink.send_header("X-ClickHouse-Query-Id", query_id)
    sink.send_header("X-ClickHouse-Timezone", "UTC")


def send_text(sink: Sink, status: int, text: str) -> None:
    """Answer with a short text."""
    body = text.encode()
    sink.send_response(status)
    sink.send_header("Content-Type", "text/plain; charset=UTF-8")
    sink.send_header("Content-Length", str(len(body)))
    sink.end_headers()
    sink.wfile.write(body)


def send_error(sink: Sink, error: QueryError, query_id: str) -> None:
    """Answer with a ClickHouse exception: its HTTP status, its code in a header, its text as the body."""
    body = (error.message.rstrip() + "\n").encode()
    sink.send_response(error.status)
    _common(sink, query_id)
    sink.send_header("X-ClickHouse-Exception-Code", str(error.code))
    sink.send_header("Content-Type", "text/plain; charset=UTF-8")
    sink.send_header("Content-Length", str(len(body)))
    sink.end_headers()
    sink.wfile.write(body)


def send_done(sink: Sink, query_id: str, counts: Counts, elapsed_ns: int) -> None:
    """Answer a statement that has no result."""
    sink.send_response(200)
    _common(sink, query_id)
    sink.send_header("X-ClickHouse-Summary", _summary(counts, elapsed_ns))
    sink.send_header("Content-Length", "0")
    sink.end_headers()


class ResultWriter:
    """Writes one result as a chunked body, compressed as the client asked.

    :param sink: the answer's socket.
    :param accepted: the client's ``Accept-Encoding``, or an empty string for no compression.
    """

    def __init__(self, sink: Sink, accepted: str) -> None:
        self._sink = sink
        self._encoding, self._compressor = choose(accepted)
        letters = string.ascii_lowercase
        self._tag = "".join(secrets.choice(letters) for _ in range(16))

    def begin(self, query_id: str, result_format: str, counts: Counts, elapsed_ns: int) -> None:
        """Write the status line and headers."""
        sink = self._sink
        sink.send_response(200)
        _common(sink, query_id)
        sink.send_header("X-ClickHouse-Format", result_format)
        sink.send_header("X-ClickHouse-Summary", _summary(counts, elapsed_ns))
        sink.send_header("X-ClickHouse-Exception-Tag", self._tag)
        kind = _CONTENT_TYPES.get(result_format.lower(), "text/plain; charset=UTF-8")
        sink.send_header("Content-Type", kind)
        if self._encoding is not None:
            sink.send_header("Content-Encoding", self._encoding)
        sink.send_header("Transfer-Encoding", "chunked")
        sink.end_headers()

    def write(self, blocks: Iterator[bytes]) -> QueryError | None:
        """Write a result to its end.

        :param blocks: blocks of the result.
        :return: the error that ended it early, which the client got inside the body.
        """
        failure = None
        try:
            for block in blocks:
                self._chunk(self._compressor.compress(block))
        except QueryError as error:
            failure = error
            self._chunk(self._compressor.compress(self._exception(error)))
        self._chunk(self._compressor.flush())
        self._sink.wfile.write(b"0\r\n\r\n")
        return failure

    def _exception(self, error: QueryError) -> bytes:
        text = error.message.rstrip() + "\n"
        length = len(text.encode())
        marker = "\r\n__exception__\r\n"
        return f"{marker}{self._tag}\r\n{text}{length} {self._tag}{marker}".encode()

    def _chunk(self, data: bytes) -> None:
        if data:
            self._sink.wfile.write(f"{len(data):X}\r\n".encode() + data + b"\r\n")
            self._sink.wfile.flush()
