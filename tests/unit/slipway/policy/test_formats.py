"""A policy on record is read in the format that it was written in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from slipway.exceptions import PolicyError
from slipway.policy.formats import parse_recorded_policy
from slipway.policy.release import FORMAT, load_policy

DATA = Path(__file__).parent / "data"


def written(number: int) -> dict[str, Any]:
    """The release policy as that format's last version recorded it."""
    document: dict[str, Any] = json.loads((DATA / f"policy_format_{number}.json").read_text())
    return document


@pytest.mark.parametrize("number", range(1, FORMAT))
def test_every_older_format_is_still_read(number: int) -> None:
    policy = parse_recorded_policy(written(number), source="old")
    assert policy.format == FORMAT
    assert parse_recorded_policy(policy.model_dump(mode="json"), source="again") == policy
    assert set(policy.metrics) == set(written(number)["metrics"])


def test_the_one_window_of_format_1_means_what_it_meant() -> None:
    decision = parse_recorded_policy(written(1), source="old").decision
    assert (decision.late_window_seconds, decision.min_excess_seconds, decision.comparison_seconds) == (
        375,
        375,
        600,
    )


def test_todays_policy_is_read_as_it_is() -> None:
    policy = load_policy("release.yaml")
    assert parse_recorded_policy(policy.model_dump(mode="json"), source="new") == policy


@pytest.mark.parametrize("number", [FORMAT + 1, 0, "2"])
def test_a_format_that_is_not_known_is_refused(number: object) -> None:
    with pytest.raises(PolicyError, match=r"policy of r-1: format=.*: this version of Slipway reads 1\.\."):
        parse_recorded_policy(written(1) | {"format": number}, source="of r-1")
