"""HAProxy's runtime commands over its unix socket."""

from __future__ import annotations

import asyncio
import csv
import os
import re
from pathlib import Path

_TIMEOUT_SECONDS = 5.0
_LIMIT_BYTES = 8 * 1024 * 1024
_SESSION = re.compile(r"^(0x\w+): .* be=r(\d+) .* age=(\w+)", re.MULTILINE)
_AGE = re.compile(r"(\d+)([dhms])")
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


class DataPlaneError(Exception):
    """HAProxy refused a command, or did not answer."""


class RuntimeSocket:
    """Runs one command per connection.

    :param folder: folder of the socket; it may be deeper than a socket address can be long.
    :param name: the socket's file name.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name

    async def run(self, command: str, expected: str = "") -> str:
        """Run a command.

        :param command: one command of HAProxy's runtime API.
        :param expected: regular expression the whole answer (stripped) must match.
        :return: the answer, stripped.
        :raises DataPlaneError: no answer in time, or another one than expected.
        """
        try:
            answer = await asyncio.wait_for(self._exchange(command), _TIMEOUT_SECONDS)
        except (TimeoutError, OSError) as error:
            raise DataPlaneError(f"haproxy command {command[:120]!r}: {error!r}") from error
        if not re.fullmatch(expected, answer, re.DOTALL):
            raise DataPlaneError(f"haproxy command {command[:120]!r}: answered {answer!r}")
        return answer

    async def statistics(self, backend: str) -> dict[str, str]:
        """Return a backend's row of ``show stat``: all of them are 200 rows of 100 columns.

        :param backend: its name.
        """
        text = await self.run(f"show stat {backend} 2 -1", expected="# .*")
        (row,) = csv.DictReader(text.removeprefix("# ").splitlines())
        return row

    async def information(self) -> dict[str, str]:
        """Pairs of ``show info``."""
        lines = (await self.run("show info", expected=".+")).splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    async def sessions(self) -> list[tuple[str, int, int]]:
        """Requests under way: the id of each, its slot, and how many whole seconds it is old."""
        text = await self.run("show sess", expected=".*")
        return [
            (found[1], int(found[2]), sum(int(n) * _UNITS[unit] for n, unit in _AGE.findall(found[3])))
            for found in _SESSION.finditer(text)
        ]

    async def _exchange(self, command: str) -> str:
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        try:
            path = f"/proc/self/fd/{folder}/{self._name}"
            reader, writer = await asyncio.open_unix_connection(path, limit=_LIMIT_BYTES)
        finally:
            os.close(folder)
        try:
            writer.write(command.encode() + b"\n")
            await writer.drain()
            return (await reader.read()).decode().strip()
        finally:
            writer.close()
