"""What every test may use: the shared servers, a folder for rollback records, the questions to a person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import temporary_files

temporary_files.keep_in_memory()
# A slow machine fails no property: no example has a time, and the examples are the same in every run.
settings.register_profile(
    "slipway", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("slipway")

pytest_plugins = ["tests.servers", "tests.browser"]


@pytest.fixture(scope="session", autouse=True)
def rollback_records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the files that releases write at their start out of the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPWAY_REPORTS", str(tmp_path_factory.mktemp("reports")))
        patch.setenv("SLIPWAY_ANCHORS", str(tmp_path_factory.mktemp("anchors")))
        patch.setenv("SLIPWAY_ROLLBACK_RECORDS", str(tmp_path_factory.mktemp("rollback_records")))
        yield


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a person is asked; who answers is Airflow's, so its form goes no further here."""
    from slipway.release import asking

    questions: list[dict[str, Any]] = []
    monkeypatch.setattr(asking, "upsert_hitl_detail", lambda **question: questions.append(question))
    return questions
