"""What the sandbox consists of."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.supervisor import credentials, ports
from sandbox.supervisor.plan import parts, parts_beside
from sandbox.supervisor.settings import Settings
from sandbox.supervisor.shutdown import STAGES


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A sandbox that has its credentials."""
    made = Settings(home=tmp_path, port_base=20000)
    credentials.create(made)
    return made


def test_cloud_alone_has_neither_airflow_nor_users(settings: Settings) -> None:
    alone = parts(settings, airflow=False)
    assert set(alone) == {"postgres", "redis", "cloud", "clickhouse", "prometheus", "seed"}
    assert set(parts(settings, airflow=True)) > set(alone)


def test_beside_an_airflow_elsewhere_it_has_users_and_serves_its_repository(settings: Settings) -> None:
    beside = parts_beside(settings)
    assert set(beside) == {"postgres", "redis", "cloud", "prometheus", "seed", "git", "users"}


@pytest.mark.parametrize("kind", ["alone", "with Airflow", "beside"])
def test_every_part_can_start(settings: Settings, kind: str) -> None:
    waiting = parts_beside(settings) if kind == "beside" else parts(settings, airflow=kind == "with Airflow")
    ready: set[str] = set()
    while waiting:
        due = {name for name, part in waiting.items() if ready.issuperset(part.after)}
        assert due, f"never start: {sorted(waiting)}"
        ready |= due
        for name in due:
            del waiting[name]


def test_users_come_after_the_services_they_use(settings: Settings) -> None:
    plan = parts(settings, airflow=True)
    assert "seed" in plan["users"].after
    assert plan["seed"].after == ("cloud",)


def test_every_part_has_its_stage_in_the_shutdown(settings: Settings) -> None:
    staged = [name for stage in STAGES for name in stage.names]
    assert sorted(staged) == sorted(parts(settings, airflow=True) | parts_beside(settings))


def test_no_port_is_used_twice(settings: Settings) -> None:
    known = ports.purposes(settings)
    assert len(known) == 12 + len(settings.data_plane_ports) + len(settings.instance_ports)
    assert set(known) <= set(range(20000, 20300))
