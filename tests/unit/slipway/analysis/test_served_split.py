"""A split that is served as asked is not refused; a revision that is not reached always is."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from slipway.analysis.served_split import requests_needed, wrong_shares

ALPHA = 1e-6
CANARY, HALF, FULL = {"new": 10, "old": 90}, {"new": 50, "old": 50}, {"new": 100}


@pytest.mark.parametrize("split", [{"new": 1, "old": 99}, CANARY, HALF, {"new": 97, "old": 3}])
def test_a_revision_that_is_not_reached_is_found_with_as_many_requests_as_needed(
    split: dict[str, int],
) -> None:
    requests = requests_needed(split, false_alarm=ALPHA, min_detectable_percent=10)
    other = {"new": "old", "old": "new"}
    for missed in split:
        assert f"{missed} answered 0 of" in " ".join(
            wrong_shares({other[missed]: requests}, split, false_alarm=ALPHA)
        )
    smallest = min(split.values()) / 100
    if smallest < 0.1:
        fewer = math.floor(math.log(ALPHA / 4) / math.log1p(-smallest))
        assert fewer == requests - 1
        rare = min(split, key=lambda name: split[name])
        assert not wrong_shares({other[rare]: fewer}, split, false_alarm=ALPHA)


def test_a_served_split_is_refused_no_more_often_than_promised() -> None:
    draw, alpha = random.Random(7), 0.02
    refused = 0
    for _ in range(2000):
        counts = Counter(draw.choices(["new", "old"], [10, 90], k=145))
        refused += bool(wrong_shares(counts, CANARY, false_alarm=alpha))
    assert refused / 2000 <= alpha


def test_a_leftover_is_named_and_found() -> None:
    requests = requests_needed(FULL, false_alarm=ALPHA, min_detectable_percent=10)
    assert 0.9**requests <= ALPHA / 2 < 0.9 ** (requests - 1)
    assert wrong_shares({"new": requests}, FULL, false_alarm=ALPHA) == []
    (unwanted, short) = wrong_shares({"new": requests - 1, "old": 1}, FULL, false_alarm=ALPHA)
    assert unwanted == f"old answered 1 of {requests} requests and should answer none"
    assert short.startswith("new answered")


def test_too_much_is_refused_too() -> None:
    assert wrong_shares({"new": 120, "old": 25}, CANARY, false_alarm=ALPHA)
    assert not wrong_shares({"new": 15, "old": 130}, CANARY, false_alarm=ALPHA)
