"""When a bake reads which metrics."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.exceptions import MetricsUnavailable
from slipway.policy.release import load_policy
from slipway.triggers.bake import BakeTrigger, Reading, readings


def test_each_source_is_read_at_every_check_as_soon_as_it_has_the_data() -> None:
    found = list(islice(readings({30: ["a"], 60: ["b", "c"]}, every=15, until=60), 6))
    assert found == [
        Reading(0, 30, ["a"], True),
        Reading(15, 45, ["a"], True),
        Reading(30, 60, ["a"], False),
        Reading(0, 60, ["b", "c"], True),
        Reading(45, 75, ["a"], False),
        Reading(15, 75, ["b", "c"], True),
    ]


def test_no_source_is_read_after_the_first_check_past_the_end() -> None:
    found = list(readings({30: ["a"], 60: ["b"]}, every=15, until=30))
    assert [reading.at for reading in found if reading.metrics == ["a"]] == [0, 15, 30, 45]
    assert [reading.at for reading in found if reading.metrics == ["b"]] == [0, 15, 30, 45]
    assert found[-1].metrics == ["b"]


def test_the_products_own_metrics_do_not_wait_for_cloud_monitoring() -> None:
    policy = load_policy("release.yaml")
    assert policy.metrics_by_delay[240] == ["error_rate", "memory"]
    assert {"latency_p95", "session_isolation", "optimization_success"} <= set(policy.metrics_by_delay[60])
    assert policy.slowest_ingestion_seconds == 240


class Down:
    """A reader whose source is down."""

    async def read(self, **_: Any) -> Any:
        raise MetricsUnavailable("503")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("keys", "row"), [(["error_rate"], [0, [{"unanswered": "503"}, []]]), (None, [0, "503"])]
)
async def test_a_source_that_is_down_is_no_answer_of_its_metrics(
    keys: list[str] | None, row: list[Any]
) -> None:
    policy = load_policy("release.yaml")
    record = EvidenceRecord("canary", list(policy.metrics))
    names = ("release_id", "started_at", "ledger_conn_id", "gcp_conn_id", "promql_conn_id")
    trigger = BakeTrigger(phase="canary", bake_round=1, **dict.fromkeys(names, "x"))
    decision = await trigger._check(
        Down(),  # type: ignore[arg-type]
        BakeAnalysis(policy, bake_seconds=60, extension_seconds=0, phase="canary"),
        record,
        started=0,
        reading=Reading(0, 60, keys or list(policy.metrics), True),
    )
    assert record.rows[0][: len(row)] == row
    assert "503" in decision.reason
