"""The sandbox's generated secrets."""

from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path

import pytest

from sandbox.supervisor import credentials
from sandbox.supervisor.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A sandbox without credentials."""
    return Settings(home=tmp_path / "home", port_base=20000)


def test_they_are_made_once(settings: Settings) -> None:
    first = credentials.create(settings)
    assert credentials.create(settings) == first == credentials.load(settings)
    assert len(set(astuple(first))) == 6
    assert len(base64.urlsafe_b64decode(first.airflow_fernet_key)) == 32


def test_only_their_owner_can_read_them(settings: Settings) -> None:
    credentials.create(settings)
    (file,) = settings.home.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_that_make_them_at_once_get_the_same(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: credentials.create(settings), range(32)))
    assert {astuple(each) for each in made} == {astuple(credentials.load(settings))}
    assert len(list(settings.home.iterdir())) == 1


def test_they_do_not_show_in_text(settings: Settings) -> None:
    made = credentials.create(settings)
    assert not any(secret in f"{made} {made!r}" for secret in astuple(made))


def test_a_sandbox_without_them_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(FileNotFoundError, match="python -m sandbox up"):
        credentials.load(settings)
