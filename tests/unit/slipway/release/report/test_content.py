"""A report is made of releases that really ran, whatever they have on record."""

from __future__ import annotations

import pytest
from slipway.ledger.ledger import Release
from slipway.ledger.plan import ReleasePlan
from slipway.policy.formats import parse_recorded_policy
from slipway.policy.release import load_policy
from slipway.release.report.content import report_of
from slipway.release.report.keeping import page_of

from tests.unit.slipway.ledger.test_chain import RELEASES, recorded


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
