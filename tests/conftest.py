"""What every test may use: the shared servers, and a folder for the rollback records of the session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest_plugins = ["tests.servers"]


@pytest.fixture(scope="session", autouse=True)
def rollback_records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the files that releases write at their start out of the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPWAY_ROLLBACK_RECORDS", str(tmp_path_factory.mktemp("rollback_records")))
        yield
