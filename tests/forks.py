"""The process that tests fork tasks from: one for the whole of a test run, whoever needs it first.

Its environment is that of whoever was first, so a task's own is handed to it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing import forkserver

import pytest

CONTEXT = multiprocessing.get_context("forkserver")
_IMPORTED = "tests.imported_by_tasks"


def begin() -> None:
    """Start it, unless it runs: it imports what tasks take longest to."""
    CONTEXT.set_forkserver_preload([_IMPORTED])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()
