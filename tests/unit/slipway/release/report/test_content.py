"""A report is made of releases that really ran, whatever they have on record."""

from __future__ import annotations

import pytest
from slipway.analysis.load_report import LoadReport
from slipway.analysis.staging import judge_staging
from slipway.ledger.entries import GateDecided, LoadTested, SuiteRun
from slipway.ledger.ledger import Release
from slipway.ledger.plan import ReleasePlan
from slipway.policy.formats import parse_recorded_policy
from slipway.policy.release import load_policy
from slipway.release.report.content import report_of
from slipway.release.report.keeping import page_of

from tests.fake_ledger import FakeLedger
from tests.load_report import REPORT
from tests.unit.slipway.ledger.test_chain import RELEASES, recorded
from tests.unit.slipway.on_record import opened


@pytest.mark.parametrize("name", RELEASES)
def test_the_report_of_a_recorded_release(name: str) -> None:
    row, record = recorded(name)
    policy = parse_recorded_policy(row["policy"], source=name)
    policy = policy.model_copy(update={"success": load_policy("release.yaml").success})
    release = Release(
        row["release_id"], row["version"], row["run_id"], row["actor"],
        ReleasePlan.model_validate(row["plan"]),
        policy, row["stable"], row["outcome"], row["reason"], record[0].at, record[-1].at,
    )  # fmt: skip
    report = report_of(release, record, {})
    assert report.chain == "every entry holds"
    assert len(report.timeline) == len(record)
    met = {criterion.title: criterion.met for criterion in report.criteria}
    promoted = row["outcome"] == "promoted"
    assert met["Error rates < 0.1 %"] is promoted
    assert met["Compliance requirements met"] is True
    assert {line.part for line in report.checklists} == ({"pre", "during", "post"} if promoted else {"pre"})
    assert report.summary in page_of(report).replace("&#39;", "'").replace("&gt;", ">").replace("&lt;", "<")


def test_what_staging_showed_is_in_the_report() -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    stretch = {
        "at_seconds": 0,
        "users": 150,
        "requests_per_second": 99.5,
        "failures": 3,
        "latency_p95_ms": 20.5,
        "event_latency_p95_ms": None,
    }
    load = LoadReport.model_validate(
        REPORT | {"timeline": [stretch], "failure_reasons": {"/v1/token: the answer holds no token": 3}}
    )
    for entry in (
        SuiteRun(suite="e2e", tests=3, passed=2, failed=("test_a",), flaky=("test_a",)),
        LoadTested.model_validate(load.model_dump()),
        GateDecided.by(judge_staging({}, load, release.policy.validation, seconds=1), phase="staging"),
    ):
        ledger.append(release.release_id, entry)
    staging = report_of(release, ledger.entries(release.release_id), {}).staging
    assert staging.suites == ("Test suite e2e: 2 of 3 tests passed; failed: test_a; flaky: test_a",)
    assert "promote: events: none lost, doubled or out of order of 21600 (none allowed)" in staging.findings
    assert staging.load_test == load
    assert staging.drawing is not None
    assert "Event latency P95" in staging.drawing.svg
    page = page_of(report_of(release, ledger.entries(release.release_id), {}))
    assert "3 times /v1/token: the answer holds no token" in page
