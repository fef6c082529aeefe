"""The content encodings of request and response bodies: identity, gzip, deflate, lz4 frames and zstd."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import lz4.frame
import zstandard

from sandbox.databases.clickhouse.errors import QueryError


class Compressor(Protocol):
    """Compresses one body piece by piece."""

    def compress(self, data: bytes) -> bytes:
        """Take a piece; returns what is ready to be sent."""

    def flush(self) -> bytes:
        """End the body; returns what was held back."""


class _Identity:
    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


class _Lz4:
    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def compress(self, data: bytes) -> bytes:
        head = b"" if self._begun else bytes(self._frame.begin())
        self._begun = True
        return head + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        if not self._begun:
            return b""
        return bytes(self._frame.flush())


_COMPRESSORS: dict[str, Callable[[], Compressor]] = {
    "lz4": _Lz4,
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    "gzip": lambda: zlib.compressobj(1, wbits=31),
    "deflate": lambda: zlib.compressobj(1),
}


def choose(accepted: str) -> tuple[str | None, Compressor]:
    """Pick the response's encoding.

    :param accepted: the request's ``Accept-Encoding`` header, most wanted first.
    :return: the ``Content-Encoding`` to announce (None for identity) and its compressor.
    """
    for item in accepted.split(","):
        name = item.split(";")[0].strip().lower()
        if name in _COMPRESSORS:
            return name, _COMPRESSORS[name]()
    return None, _Identity()


def _gunzip() -> Callable[[bytes], bytes]:
    return zlib.decompressobj(wbits=31).decompress


_DECOMPRESSORS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "lz4": lambda: lz4.frame.LZ4FrameDecompressor().decompress,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
    "gzip": _gunzip,
    "deflate": lambda: zlib.decompressobj().decompress,
}


def decode(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Undo a request body's ``Content-Encoding``.

    :param pieces: pieces of the body.
    :param encoding: ``Content-Encoding`` of the body.
    :raises QueryError: 48 for an encoding this server does not know, 354 for damaged data.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        yield from pieces
        return
    if name not in _DECOMPRESSORS:
        known = ", ".join(sorted(_DECOMPRESSORS))
        raise QueryError.named(
            48, "NOT_IMPLEMENTED", f"Content-Encoding {encoding}: this server knows {known}"
        )
    decompress = _DECOMPRESSORS[name]()
    for piece in pieces:
        try:
            plain = decompress(piece)
        except (zlib.error, RuntimeError, EOFError, zstandard.ZstdError) as error:
            raise QueryError.named(
                354, "ZLIB_INFLATE_FAILED", f"the {name} body is damaged: {error}"
            ) from error
        if plain:
            yield plain
