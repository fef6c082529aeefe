"""Deliberate faults: where they hold, and what they may be."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.platform.faults import Faults, strikes

ALL = {
    "FAULT_ERROR_RATE": "0.05",
    "FAULT_LATENCY_SECONDS": "1.5",
    "FAULT_LATENCY_SHARE": "0.2",
    "FAULT_MEMORY_LEAK_BYTES": "262144",
    "FAULT_COST_FACTOR": "1.07",
    "FAULT_EVENT_LOSS_RATE": "0.1",
    "FAULT_EVENT_DELAY_SECONDS": "0.4",
    "FAULT_SESSION_LEAK_RATE": "0.05",
    "FAULT_NO_OPTIMIZATION": "true",
    "FAULT_CRASH_ON_START": "1",
    "FAULT_SOCKET_REFUSAL_RATE": "0.9",
    "FAULT_TOKEN_LOSS_RATE": "0.5",
}


def test_without_variables_nothing_is_wrong() -> None:
    assert Faults.from_environment({"ENVIRONMENT": "production"}) == Faults()


@pytest.mark.parametrize("only_in", ["", "production"])
def test_every_fault_is_read(only_in: str) -> None:
    faults = Faults.from_environment({**ALL, "ENVIRONMENT": "production", "FAULT_ENVIRONMENT": only_in})
    assert faults == Faults(0.05, 1.5, 0.2, 262144, Decimal("1.07"), 0.1, 0.4, 0.05, True, True, (), 0.9, 0.5)


def test_faults_of_another_environment_are_off() -> None:
    environment = {**ALL, "ENVIRONMENT": "staging", "FAULT_ENVIRONMENT": "production"}
    assert Faults.from_environment(environment) == Faults()


def test_a_latency_without_a_share_strikes_every_request() -> None:
    assert Faults.from_environment({"FAULT_LATENCY_SECONDS": "1"}).latency_share == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FAULT_ERROR_RATE", "1.1"),
        ("FAULT_ERROR_RATE", "nan"),
        ("FAULT_EVENT_LOSS_RATE", "-0.1"),
        ("FAULT_LATENCY_SECONDS", "long"),
        ("FAULT_COST_FACTOR", "x"),
        ("FAULT_COST_FACTOR", "-1"),
    ],
)
def test_a_fault_out_of_range_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Faults.from_environment({name: value})


def test_a_share_is_how_often_a_fault_strikes() -> None:
    assert not any(strikes(0.0) for _ in range(100))
    assert all(strikes(1.0) for _ in range(100))
    assert 350 < sum(strikes(0.5) for _ in range(1000)) < 650


def test_an_outage_lasts_while_its_file_exists(tmp_path: Path) -> None:
    faults = Faults.from_environment({"FAULT_OUTAGE_FILE": "other outage", "SLIPWAY_HOME": str(tmp_path)})
    assert not faults.fails()
    (tmp_path / "outage").touch()
    assert faults.fails()
    (tmp_path / "outage").unlink()
    assert not faults.fails()
