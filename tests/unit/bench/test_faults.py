"""Every fault of the platform has a row in the table, and what the bake can see ends no good way."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from slipway.analysis.verdict import Verdict
from slipway.policy.release import load_policy

from bench.analysis.faults import FAULTS, Fault, bake, table
from sandbox.platform.faults import Faults


def test_every_fault_of_the_platform_has_a_row() -> None:
    assert {fault.field for fault in FAULTS} == {field.name for field in fields(Faults)}
    assert all((fault.shares is None) == bool(fault.instead) for fault in FAULTS)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.shares], ids=lambda fault: fault.words)
def test_what_the_bake_sees_rolls_back_or_asks_within_a_quarter_of_an_hour(fault: Fault) -> None:
    decision = bake(load_policy("release.yaml"), fault, np.random.default_rng(5))
    assert decision.verdict is Verdict.ROLLBACK or decision.needs_a_person
    assert decision.seconds <= 900


def test_the_table_names_the_metric_and_the_moment() -> None:
    policy = load_policy("release.yaml")
    rows = {row.partition("`")[2].partition("`")[0]: row for row in table(policy, runs=1, seed=1)}
    assert "| `websocket_event_delivery` | rollback | " in rows["event_loss_rate"]
    assert "| `websocket_event_latency` | a question to a person | " in rows["event_delay_seconds"]
    assert rows["crash_on_start"].endswith("| before the bake |")
