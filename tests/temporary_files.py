"""Where tests keep their files: in memory, where there is room.

A PostgreSQL database is 300 files: to make one and drop it takes a tenth of the processor time there.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES = 6 << 30


def keep_in_memory(folder: Path = MEMORY) -> None:
    """Have this process, and those that it starts, make their temporary files in memory.

    Not where ``TMPDIR`` says otherwise, where programs cannot run from there, as in most containers, or where
    room is short.

    :param folder: of a file system in memory.
    """
    if "TMPDIR" in os.environ or not fits(folder):
        return
    # pytest has looked for the folder already.
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


def fits(folder: Path) -> bool:
    """Tell whether tests can keep their files in a folder, which may not be there."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    mounted = os.statvfs(folder)
    runs_programs = not mounted.f_flag & os.ST_NOEXEC
    return runs_programs and mounted.f_bavail * mounted.f_frsize >= ROOM_BYTES
