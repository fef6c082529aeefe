"""A task killed while it waits for an operation waits for the same one when it is run again, by its name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.supervisor.settings import Settings
from tests.chaos import fault_table
from tests.chaos.conftest import HELD
from tests.chaos.test_faults import POLL, READ, still_pinned
from tests.chaos.world import CANARY, STABLE, World
from tests.integration.slipway.hooks.fault_proxy import Fault

pytestmark = [pytest.mark.chaos, pytest.mark.sandbox, pytest.mark.timeout(900)]

MAKES = "updateMask=[^&]*template"


def operations(world: World) -> list[str]:
    """Return the names of the operations that were asked after, in order."""
    found = [re.search("operations/[0-9a-f-]+", exchange.path) for exchange in world.api.seen]
    return [name.group() for name in found if name is not None]


@pytest.fixture
def held(settings: Settings) -> Iterator[Path]:
    """A file that keeps new instances from starting while it is there."""
    path = settings.home / HELD
    path.touch()
    yield path
    path.unlink(missing_ok=True)


def test_a_deployment_is_resumed(world: World, held: Path) -> None:
    world.begin(STABLE, revision="web-resumed", image="held")
    world.api.inject(Fault(*POLL, before=world.kill))
    assert world.run("deploy").code == -9
    (begun,) = operations(world)
    world.api.inject(Fault(*POLL, before=held.unlink))
    assert world.run("deploy").succeeded, world.runs[-1]
    assert operations(world)[1] == begun
    assert f"{begun} was begun by an earlier try" in world.runs[-1].log
    assert world.api.count("PATCH", MAKES) == 1
    world.check("deploy", split=STABLE)
    fault_table.add("deploy", "SIGKILL while its operation runs: the same one is waited for", 2, "as asked")


def test_a_lost_operation_is_no_loss(world: World, held: Path) -> None:
    world.begin(STABLE, revision="web-lost", image="held")
    world.api.inject(Fault(*POLL, before=world.kill))
    assert world.run("deploy").code == -9
    held.unlink()
    lost = world.api.inject(Fault(*POLL, status=404))
    assert world.run("deploy").succeeded, world.runs[-1]
    assert lost.times == 0
    assert "no longer exists" in world.runs[-1].log
    assert world.api.count("PATCH", MAKES) == 1
    world.check("deploy", split=STABLE)
    fault_table.add("deploy", "SIGKILL while its operation runs, which is then lost", 2, "as asked")


def test_a_shift_is_resumed(world: World) -> None:
    world.begin(STABLE)
    world.api.inject(Fault(*POLL, before=world.kill))
    assert world.run("shift").code == -9
    (begun,) = operations(world)
    world.api.inject(Fault(*READ, rewrite=still_pinned, times=2))
    assert world.run("shift").succeeded, world.runs[-1]
    assert operations(world)[1] == begun
    assert world.api.count("PATCH") == 1
    world.check("shift", split=CANARY)
    fault_table.add("shift", "SIGKILL while its operation runs: the same one is waited for", 2, "as asked")
