"""Tests keep their files in memory where programs can run from there and there is room, and nowhere else."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import temporary_files


@pytest.fixture(autouse=True)
def undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As before this test run began; afterwards as it was."""
    monkeypatch.setattr(tempfile, "tempdir", "/before")
    # Set first, so that it is set again in the end.
    monkeypatch.setenv("TMPDIR", "/before")
    monkeypatch.delenv("TMPDIR")


def file_system(monkeypatch: pytest.MonkeyPatch, *, room: int, flags: int = 0) -> None:
    """Let every folder be in a file system with so much room in bytes."""
    found = SimpleNamespace(f_flag=flags, f_bavail=room // 4096, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: found)


def test_files_are_in_memory_where_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_system(monkeypatch, room=temporary_files.ROOM_BYTES)
    temporary_files.keep_in_memory(tmp_path)
    assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == (str(tmp_path), str(tmp_path))


def test_whoever_names_a_folder_gets_that_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_system(monkeypatch, room=temporary_files.ROOM_BYTES)
    monkeypatch.setenv("TMPDIR", "/named")
    temporary_files.keep_in_memory(tmp_path)
    assert (tempfile.gettempdir(), os.environ["TMPDIR"]) == ("/before", "/named")


@pytest.mark.parametrize(
    ("room", "flags"),
    [(temporary_files.ROOM_BYTES - 4096, 0), (temporary_files.ROOM_BYTES, os.ST_NOEXEC)],
    ids=["no room", "no programs"],
)
def test_where_it_does_not_fit_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, flags: int
) -> None:
    file_system(monkeypatch, room=room, flags=flags)
    for folder in (tmp_path, tmp_path / "missing"):
        temporary_files.keep_in_memory(folder)
    assert tempfile.gettempdir() == "/before"
    assert "TMPDIR" not in os.environ
