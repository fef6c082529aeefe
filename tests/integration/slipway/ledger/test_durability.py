"""What the ledger has said is on record stays so, whatever its server's settings and however that ends."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from slipway.commands.migrate_ledger import migrate_ledger
from slipway.ledger.entries import SuiteRun
from slipway.ledger.ledger import Ledger

from sandbox.databases import postgres
from sandbox.supervisor.processes import kill, start
from sandbox.supervisor.settings import Settings
from tests.integration.slipway.releases import open_release
from tests.own_sandbox import own_sandbox

pytestmark = pytest.mark.sandbox
ENTRIES = 10


class HastyServer:
    """A PostgreSQL server that says that it has committed before it has written."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        program = postgres.program(self._settings)
        hasty = replace(program, command=[*program.command, "--synchronous_commit=off"])
        self._process = start(hasty, self._settings)

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        kill(self._process)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HastyServer]:
    """A server with an empty ledger."""
    monkeypatch.setenv("SLIPWAY_ANCHORS", str(tmp_path / "anchors"))
    with own_sandbox() as settings:
        made = HastyServer(settings)
        made.start()
        monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_LEDGER", postgres.uri(settings, "slipway"))
        migrate_ledger()
        yield made
        made.kill()


def test_a_server_that_may_lose_commits_loses_nothing_of_the_record(server: HastyServer) -> None:
    ledger = Ledger()
    release = open_release(ledger, "1.1.0")
    for number in range(ENTRIES):
        ledger.append(release.release_id, SuiteRun(suite=f"number {number}", tests=1, passed=1))
    ledger.close(release.release_id, outcome="rolled_back", reason="a test")
    server.kill()
    server.start()
    assert ledger.release(release.release_id).outcome == "rolled_back"
    assert len(ledger.entries(release.release_id)) == ENTRIES + 2
    found = ledger.verification.of(release.release_id)
    assert found.holds, found
