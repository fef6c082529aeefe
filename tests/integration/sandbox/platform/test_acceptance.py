"""Staging's suites accept the good version and refuse the bad ones, for the right reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from sandbox.supervisor.settings import REPOSITORY
from tests.integration.sandbox.platform.services import PRICING, Service

pytestmark = pytest.mark.sandbox
SUITES = ("mission_critical", "integration", "e2e")
SUITE_SECONDS = 110.0

COMPLIANCE = "mission_critical/test_optimization_compliance.py"
ISOLATION = "mission_critical/test_session_isolation.py"

StartBackend = Callable[..., Service]
Accept = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def accept(auth: Service, frontend: Service) -> Accept:
    """Run suites, or single tests of them, against a backend."""

    def run(backend: Service, *tests: str, pricing: bool = True) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "BACKEND_URL": backend.url,
            "AUTH_URL": auth.url,
            "FRONTEND_URL": frontend.url,
            **({"PRICING": json.dumps(PRICING)} if pricing else {}),
        }
        paths = [f"include/acceptance/{test}" for test in tests]
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SUITE_SECONDS,
            check=False,
        )

    return run


def test_the_good_version_is_accepted(accept: Accept, backend: Service) -> None:
    done = accept(backend, *SUITES)
    assert done.returncode == 0, done.stdout
    assert " skipped" not in done.stdout


def test_without_public_prices_answers_are_held_to_themselves(accept: Accept, backend: Service) -> None:
    done = accept(backend, f"{COMPLIANCE}::test_every_cost_is_tokens_times_price", pricing=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ({"FAULT_COST_FACTOR": "1.07"}, f"{COMPLIANCE}::test_every_cost_is_tokens_times_price"),
        ({"FAULT_NO_OPTIMIZATION": "true"}, f"{COMPLIANCE}::test_costs_fall_by_15_to_25_percent"),
        (
            {"FAULT_SESSION_LEAK_RATE": "0.5"},
            f"{ISOLATION}::test_users_working_at_the_same_time_get_their_own_sessions",
        ),
        ({"FAULT_EVENT_LOSS_RATE": "0.3"}, "e2e/test_user_journey.py::test_every_event_arrives_in_order"),
        ({"FAULT_EVENT_DELAY_SECONDS": "0.25"}, "e2e/test_user_journey.py::test_events_arrive_within_100_ms"),
        ({"FAULT_ERROR_RATE": "0.3"}, f"{COMPLIANCE}::test_no_prompt_gets_longer_or_lost"),
    ],
)
def test_a_bad_version_is_refused(
    accept: Accept, start_backend: StartBackend, fault: dict[str, str], test: str
) -> None:
    done = accept(start_backend(**fault), test)
    assert done.returncode == 1, done.stdout
    assert f"include/acceptance/{test}" in done.stdout
