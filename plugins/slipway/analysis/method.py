"""The numbers of the analysis that changed over time: a verdict on record is decided again with its own.

Whoever changes what the same evidence leads to under the same policy adds a method, and leaves the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Spells:
    """When a late regression is no spell (:mod:`slipway.analysis.statistics.late_regression`).

    :param far: factor on what is far over the trigger: the share at which half of ``comparison_seconds`` has
        the bad events that ``min_excess_seconds`` at the trigger cause.
    :param lasts: factor on the bad events of a whole ``comparison_seconds`` at the trigger: more have lasted.
    :param near: part of the null that counts as near it.
    :param before: parts of the time before ``comparison_seconds`` that were each near the null.
    :param is_far_when_young: whether the share since the start must be far over the trigger in the first
        ``comparison_seconds``.
    :param excess_of_a_rise: whether a steady rise needs fewer bad events.
    """

    far: float = 1.0
    lasts: float = 1.0
    near: float = 2 / 3
    before: int = 1
    is_far_when_young: bool = False
    excess_of_a_rise: bool = False


@dataclass(frozen=True)
class Method:
    """How the same evidence under the same policy is decided.

    :param number: kept with the evidence that it decided.
    :param few: part of a promotion's bet that is on few bad events, where the target is less than a fifth of
        the trigger (:class:`slipway.analysis.statistics.evalues.BetterThan`).
    :param chance: how many events over the target a promotion forgives: ``root``, the root of those that are
        allowed; or ``probability``, as many as a release at the target has with a probability of 16 %.
    :param rising_units: length of a block of the rising alternatives of a rollback's test, in units.
    :param rising_blocks: so many full blocks of a rising alternative are enough, whatever a spell is worth.
    :param rising_part: part of a rollback's error probability that has a test of its own against a rise
        (:class:`slipway.analysis.statistics.rising.Rising`), where the target is far under the trigger; 0
        has the rising alternatives in the test against the guard.
    :param spells: what tells a late regression from a spell; None for nothing. Where a rise has no test of
        its own although the method knows one, the defaults do.
    :param requests_wait: whether the requests of one revision wait for those of the other, before its share
        of them is tested (:class:`slipway.analysis.judges.traffic_share.SameTime`).
    """

    number: int
    few: float
    chance: Literal["root", "probability"]
    rising_units: int = 4
    rising_blocks: float = math.inf
    rising_part: float = 0.0
    spells: Spells | None = None
    requests_wait: bool = False


CURRENT = Method(
    6,
    few=0.8,
    chance="probability",
    rising_units=2,
    rising_blocks=4,
    rising_part=0.35,
    spells=Spells(1.12, lasts=1.1, near=0.7, before=3, is_far_when_young=True, excess_of_a_rise=True),
    requests_wait=True,
)
_EARLIER = {
    3: Method(3, few=0.0, chance="root"),
    4: Method(4, few=0.8, chance="probability"),
    5: Method(5, few=0.8, chance="probability", rising_units=2, rising_blocks=4, spells=Spells()),
}


def method_of(number: int) -> Method:
    """Return the method of a number; the oldest known for a number before it.

    :param number: as it is on record.
    :raises ValueError: for a method of a later version.
    """
    known = {**_EARLIER, CURRENT.number: CURRENT}
    if number > CURRENT.number:
        raise ValueError(
            f"evidence record: method={number}: this version of Slipway knows up to {CURRENT.number}; "
            "use the one that wrote it, or a newer one"
        )
    return known[max(number, min(known))]
