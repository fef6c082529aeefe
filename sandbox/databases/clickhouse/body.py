"""Request bodies off the socket: by length or in chunks, always read to their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BufferedIOBase

from sandbox.databases.clickhouse.errors import QueryError

_PIECE = 256 * 1024


def _by_length(stream: BufferedIOBase, length: int) -> Iterator[bytes]:
    remaining = length
    while remaining:
        piece = stream.read(min(remaining, _PIECE))
        if not piece:
            raise ConnectionResetError(f"the client closed with {remaining} of {length} body bytes missing")
        remaining -= len(piece)
        yield piece


def _line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(4096)
    if not line.endswith(b"\n"):
        raise ConnectionResetError("the client closed in the middle of a chunked body")
    return line.strip()


def _chunked(stream: BufferedIOBase) -> Iterator[bytes]:
    while True:
        head = _line(stream).split(b";")[0]
        try:
            size = int(head, 16)
        except ValueError as error:
            raise QueryError.named(62, "SYNTAX_ERROR", f"chunk size {head!r} is not a hex number") from error
        if size == 0:
            break
        yield from _by_length(stream, size)
        _line(stream)
    while _line(stream):
        continue


def read(stream: BufferedIOBase, headers: Mapping[str, str]) -> Iterator[bytes]:
    """Yield a request's body in pieces of at most 256 KiB.

    :param stream: the request's body.
    :param headers: the request's headers, by lower-case name.
    :raises ConnectionResetError: when the client goes away before the end.
    """
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _chunked(stream)
    return _by_length(stream, int(headers.get("content-length") or 0))
