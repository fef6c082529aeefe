"""Server programs that are downloaded when the machine has none: without root, once for all sandboxes."""

from __future__ import annotations

import errno
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from sandbox.supervisor.settings import REPOSITORY

DOWNLOADS = REPOSITORY / ".cache" / "slipway"
TIMEOUT_SECONDS = 180.0


class ServerMissingError(RuntimeError):
    """There is no such server on PATH and none could be downloaded; the message says what to install."""


def fetch(name: str, downloads: Path, unpack: Callable[[Path], None], advice: str) -> None:
    """Download a program into ``<downloads>/<name>``.

    :param name: of the program.
    :param downloads: folder of downloads; survives the removal of the sandbox's state.
    :param unpack: downloads into the folder that it is called with, and leaves the program in its ``<name>``.
    :param advice: what to do when it fails.
    :raises ServerMissingError: when the download cannot be kept.
    """
    try:
        downloads.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServerMissingError(
            f"{name} is not installed, and a download cannot be kept in {downloads}: {error}. {advice}"
        ) from error
    with tempfile.TemporaryDirectory(dir=downloads) as folder:
        work = Path(folder)
        unpack(work)
        # The rename comes last: what is in place is complete.
        try:
            (work / name).rename(downloads / name)
        except OSError as error:
            # Another process has been faster.
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise


def run(command: list[str], folder: Path, advice: str) -> None:
    """Run one step of a download.

    :param command: argument vector.
    :param folder: working directory.
    :param advice: what to do when it fails.
    :raises ServerMissingError: when it fails or takes too long, with what it printed.
    """
    try:
        subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise ServerMissingError(
            f"`{' '.join(command)}` failed:\n{error.stderr.strip()}\n{advice}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ServerMissingError(
            f"`{' '.join(command)}` took over {error.timeout:.0f} s. {advice}"
        ) from error
