"""The review as a reader sees it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from slipway.analysis.series import Point
from slipway.analysis.targets import Review, review_all
from slipway.policy_targets import TargetPolicy, load_targets
from slipway.target_report import html, markdown

PROMOTED = date(2026, 3, 2)
AS_OF = date(2026, 3, 5)


@pytest.fixture(scope="module")
def policy() -> TargetPolicy:
    return load_targets()


@pytest.fixture(scope="module")
def reviews(policy: TargetPolicy) -> list[Review]:
    days = [PROMOTED + timedelta(days=index) for index in range(4)]
    series = {
        "free_to_paid_conversions": [Point(day, Decimal(1)) for day in days],
        "cost_savings_usd": [Point(day, Decimal("1234.567891")) for day in days],
    }
    return review_all(policy, series, promoted=PROMOTED, as_of=AS_OF)


def test_markdown_has_a_line_for_every_target(policy: TargetPolicy, reviews: list[Review]) -> None:
    text = markdown(policy, reviews, as_of=AS_OF)
    assert text.startswith("# Business targets as of 2026-03-05\n")
    assert "| Free users who became paying | met | 4 users | at least 2 users |" in text
    assert (
        "| on track | 4,938.27 USD | at least 5,000 USD | 37,037.04 (37,037.04 to 37,037.04) | 2026-03-31 |"
        in text
    )
    lines = [line for line in text.splitlines() if line.startswith("| ") and " 202" in line]
    assert len(lines) == len(reviews) == sum(len(horizon.targets) for horizon in policy.horizons.values())
    assert len({line.count("|") for line in lines}) == 1


def test_html_is_well_formed_and_escaped(policy: TargetPolicy, reviews: list[Review]) -> None:
    document = policy.model_dump()
    document["horizons"]["week_1"]["title"] = "<script>"
    text = html(TargetPolicy.model_validate(document), reviews, as_of=AS_OF)
    page = ElementTree.fromstring(f"<main>{text}</main>")
    assert next(title.text for title in page.iter("h3")) == "<script>"
    assert len(page.findall(".//tbody/tr")) == len(reviews)
    assert {row.get("class") for row in page.iterfind(".//tbody/tr")} >= {
        "target-met",
        "target-insufficient_data",
    }
