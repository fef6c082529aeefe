"""One cell of the drill's matrix: a person marks the run as a success, and nothing says that it was one."""

from __future__ import annotations

import pytest

from sandbox.demo.airflow_client import AirflowClient
from sandbox.drill.__main__ import APPROVER
from sandbox.drill.carrying_out import Drill
from sandbox.drill.matrix import sample
from sandbox.supervisor.settings import Settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_every_place_says_the_same_of_a_run_that_a_person_marked(
    airflow: AirflowClient, settings: Settings
) -> None:
    (cell,) = sample(None, 1, only=["staging shift: run marked success"])
    with AirflowClient(settings, APPROVER) as approver:
        carried = Drill(settings, airflow, approver).carry_out(cell)
    assert carried.faults == []
    assert carried.found is not None
    assert "marked the run as success" in carried.found.reason
