"""The numbers of the analysis that changed over time: a verdict on record is decided again with its own.

Whoever changes what the same evidence leads to under the same policy adds a method, and leaves the others.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


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
    :param spells: whether a late regression near the trigger must last longer than one far over it
        (:class:`slipway.analysis.statistics.share_test.ShareTest`).
    """

    number: int
    few: float
    chance: Literal["root", "probability"]
    rising_units: int = 4
    rising_blocks: float = math.inf
    spells: bool = False


CURRENT = Method(5, few=0.8, chance="probability", rising_units=2, rising_blocks=4, spells=True)
_EARLIER = {3: Method(3, few=0.0, chance="root"), 4: Method(4, few=0.8, chance="probability")}


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
