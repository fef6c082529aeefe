"""The smallest HTTP client that instances' health checks and metrics need."""

from __future__ import annotations

import asyncio

from sandbox.supervisor.settings import HOST


class NoAnswerError(Exception):
    """Nothing usable came back."""


async def get(port: int, path: str, seconds: float) -> tuple[int, bytes]:
    """Send one GET request to a loopback port.

    :param port: port on loopback.
    :param path: path of the URL.
    :param seconds: bound of the whole exchange.
    :return: status and body.
    :raises NoAnswerError: no connection, no answer in time, or not HTTP.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _get(port, path)
    except (TimeoutError, OSError, ValueError) as error:
        raise NoAnswerError(f"GET http://{HOST}:{port}{path}: {error!r}") from error


async def _get(port: int, path: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        # HTTP/1.0: the answer ends with the connection, so there is neither chunking nor keep-alive to handle
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}:{port}\r\n\r\n".encode())
        await writer.drain()
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        version, status = head.split(b" ", 2)[:2]
        if not version.startswith(b"HTTP/"):
            raise ValueError(f"answer starts with {version[:20]!r}")
        return int(status), body
    finally:
        writer.close()
