"""Whether a split is served: each round is judged by itself, until the time is over."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from slipway.hooks.service_probe import UNNAMED
from slipway.policy.release import load_policy
from slipway.release import verification
from slipway.release.verification import verify_split

SPLIT = {"b": 10, "a": 90}


class Rounds:
    """A probe whose rounds are written down before; the last one goes on for ever."""

    def __init__(self, *rounds: dict[str, int]) -> None:
        self.rounds = list(rounds)

    def count_by_revision(self, url: str, *, requests: int, **_: Any) -> Counter[str]:
        shares = self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0]
        counts = Counter({name: requests * share // 100 for name, share in shares.items()})
        if sum(shares.values()) == 100:
            counts[max(shares, key=lambda name: shares[name])] += requests - counts.total()
        return counts


def verified(probe: Rounds, monkeypatch: pytest.MonkeyPatch, seconds: float = 5.0) -> dict[str, Any]:
    """Verify a split with the policy's rules, without its pauses."""
    rules = load_policy("release.yaml").verification
    assert rules is not None
    monkeypatch.setattr(verification, "PAUSE_SECONDS", 0.0)
    sends: Any = probe
    return verify_split(sends, "https://web.example", SPLIT, rules, seconds=seconds)


def test_a_split_that_settles_is_served_although_the_first_round_was_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = verified(Rounds({"a": 100}, {"a": 100}, SPLIT), monkeypatch)
    assert (found["verdict"], found["rounds"]) == ("promote", 3)
    assert found["reason"].startswith("the split is served: of ")


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        ({"a": 100}, "b answered 0 of .* and should answer 10 %"),
        ({UNNAMED: 100}, "no answer to .* names its revision"),
        ({"a": 50, UNNAMED: 10}, r"\d+ of \d+ requests got no answer, the rest was not sent"),
    ],
    ids=["pinned", "unnamed", "unanswered"],
)
def test_what_is_not_served_when_the_time_is_over_is_a_rollback_with_its_reason(
    shares: dict[str, int], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = verified(Rounds(shares), monkeypatch, seconds=0.01)
    assert found["verdict"] == "rollback"
    assert re.search(why, found["reason"])
