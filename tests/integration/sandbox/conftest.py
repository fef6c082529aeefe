"""Fixtures with a sandbox of a test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.supervisor.settings import Settings
from tests.own_sandbox import Run, environment, sandbox_command, unused_sandbox


@pytest.fixture
def own() -> Iterator[Settings]:
    """A sandbox that does not exist yet; whatever a test leaves is ended."""
    with unused_sandbox() as settings:
        yield settings


@pytest.fixture
def variables(own: Settings) -> dict[str, str]:
    """Environment of the sandbox's commands."""
    return environment(own)


@pytest.fixture
def run(own: Settings) -> Run:
    """Run ``python -m sandbox <command>`` to its end."""
    return lambda name: sandbox_command(own, "sandbox", name)
