"""Every server of its own, and releases of four services, for all waves of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rich.console import Console
from slipway.commands.migrate_ledger import migrate_ledger

from tests import forks
from tests.chaos.whole import table
from tests.chaos.whole.installation import installation
from tests.chaos.whole.network import network
from tests.chaos.whole.wave import Waves
from tests.own_sandbox import own_sandbox


@pytest.fixture(scope="session")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waves]:
    """Services to release, everything they depend on, and a process to fork tasks from."""
    forks.begin()
    with (
        own_sandbox() as settings,
        own_sandbox() as product,
        network() as ways,
        installation(settings, product, ways) as made,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in made.connections().items():
            patch.setenv(name, value)
        migrate_ledger()
        yield Waves(made, tmp_path_factory.mktemp("waves"))


def pytest_terminal_summary() -> None:
    """Print what failed, and how what was under way ended."""
    if table.MET:
        Console(width=150).print(table.drawn())
