"""The data plane's log of every request, read from a pipe."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

NO_ANSWER = 503
CUT_SHORT = 502
CLIENT_LEFT = 499
SWITCHED = 101
TURNED_AWAY = 429
TIMED_OUT = 504

_NOBODY = "<NOSRV>"

# The largest a pipe may be without privileges; it holds about 25,000 lines, so bursts are not lost while the
# reader is busy.
_PIPE_BYTES = 1024 * 1024
_READ_BYTES = 256 * 1024


@dataclass(frozen=True)
class LoggedRequest:
    """One request as the data plane saw it end.

    :param port: the data plane's port, which stands for a service's or tag's URL.
    :param backend: the revision's slot, or another name when none was reached.
    :param status: HTTP status; without an answer 503, with one cut short 502, when the client left 499.
    :param milliseconds: from the first byte of the request to the last of the answer.
    :param reached: whether it reached an instance of the revision.
    """

    port: int
    backend: str
    status: int
    milliseconds: int
    reached: bool = True


def parse(line: str) -> LoggedRequest | None:
    """Read one line of the log; None for a line that is no request's."""
    parts = line.split("\t")
    if parts[0] != "req" or len(parts) != 7:
        return None
    _, port, backend, server, status, termination, milliseconds = parts
    return LoggedRequest(
        int(port), backend, _status(int(status), termination), max(0, int(milliseconds)), server != _NOBODY
    )


def _status(status: int, termination: str) -> int:
    if status <= 0:
        return CLIENT_LEFT if termination[:1] == "C" else NO_ANSWER
    # Ended by its time-out; a WebSocket was answered long before.
    if termination[:1] == "K" and status != SWITCHED:
        return TIMED_OUT
    # The instance broke off after it had begun to answer; a WebSocket ends like this all the time.
    if termination[:2] == "SD" and status != SWITCHED and status < 500:
        return CUT_SHORT
    return status


class RequestLog:
    """The pipe between the data plane and this process.

    :param record: called with every request.
    """

    def __init__(self, record: Callable[[LoggedRequest], None]) -> None:
        self._record = record
        self._rest = b""
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        os.set_blocking(reading, False)
        self._reading = reading
        self.writer: IO[bytes] = os.fdopen(writing, "wb", buffering=0)

    def start(self) -> None:
        """Read from now on, within the running event loop."""
        asyncio.get_running_loop().add_reader(self._reading, self._read)

    def stop(self) -> None:
        """Stop reading and close the pipe."""
        asyncio.get_running_loop().remove_reader(self._reading)
        os.close(self._reading)

    def _read(self) -> None:
        content = self._rest + os.read(self._reading, _READ_BYTES)
        *lines, self._rest = content.split(b"\n")
        for line in lines:
            request = parse(line.decode())
            if request is not None:
                self._record(request)
