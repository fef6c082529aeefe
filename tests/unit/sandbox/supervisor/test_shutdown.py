"""``down`` says that nothing is left: a port may be free a little after its process has ended."""

from __future__ import annotations

import socket
import threading

import pytest

from sandbox.supervisor import shutdown
from sandbox.supervisor.settings import HOST, Settings
from tests.own_sandbox import unused_sandbox


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, socket.socket]:
    """A sandbox whose processes have ended, one of whose ports something still listens at."""
    with unused_sandbox() as own:
        monkeypatch.setattr(shutdown, "stop", lambda _: 1)
        monkeypatch.setattr(shutdown, "remove", lambda _: None)
        left = socket.create_server((HOST, own.git_port))
        return own, left


def test_a_port_that_gets_free_a_little_later_is_waited_for(
    listening: tuple[Settings, socket.socket],
) -> None:
    settings, left = listening
    threading.Timer(0.3, left.close).start()
    assert shutdown.down(settings) == 1


def test_a_port_that_stays_taken_is_named(
    listening: tuple[Settings, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, left = listening
    monkeypatch.setattr(shutdown, "FREE_SECONDS", 0.2)
    with left, pytest.raises(shutdown.LeftoverError, match=rf"ports still in use.*{settings.git_port}"):
        shutdown.down(settings)
