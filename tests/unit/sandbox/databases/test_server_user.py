"""Which user servers run as, and which folders that user reaches."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.databases import server_user
from sandbox.databases.server_user import reachable, remove_outside_folders, server_folder
from sandbox.supervisor.settings import Settings


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that every user reaches, which those that pytest makes are not."""
    with tempfile.TemporaryDirectory(prefix="slipway-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


def test_folder_is_reachable_when_all_above_it_are(open_path: Path) -> None:
    inner = open_path / "a" / "b"
    inner.mkdir(parents=True)
    assert reachable(inner)
    (open_path / "a").chmod(0o700)
    assert not reachable(inner)


def test_folder_is_private_and_made_once(open_path: Path) -> None:
    settings = Settings(home=open_path / "home", port_base=20000)
    folder = server_folder(settings, "postgres")
    assert folder == settings.data / "postgres" == server_folder(settings, "postgres")
    assert folder.stat().st_mode & 0o077 == 0


def test_user_who_is_not_root_runs_the_servers_itself(
    monkeypatch: pytest.MonkeyPatch, open_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_user.server_user() is None
    home = open_path / "home"
    home.mkdir(mode=0o700)
    assert not server_folder(Settings(home=home, port_base=20000), "postgres").is_symlink()


def test_only_own_folders_outside_are_removed(open_path: Path) -> None:
    settings = Settings(home=open_path / "home", port_base=20000)
    settings.data.mkdir(parents=True)
    own, foreign = open_path / "slipway-server-abc", open_path / "documents"
    for folder in (own, foreign):
        folder.mkdir()
        (settings.data / folder.name).symlink_to(folder)
    remove_outside_folders(settings)
    assert not own.exists()
    assert foreign.exists()
