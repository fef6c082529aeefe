"""Tells a regression that begins late, or rises, from a spell: errors that come together and go again.

Near the trigger nothing but time tells them apart: a spell at the trigger must last. What is far over the
trigger, has been near the null before, or has risen steadily is no spell, and need not last as long.
"""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np

from slipway.analysis.method import Spells
from slipway.analysis.statistics.evalues import Mask
from slipway.analysis.statistics.rising import Rising
from slipway.analysis.statistics.trailing_sums import Trailing
from slipway.policy.metrics import DecisionRules

_MIN_BAD_EVENTS = 5
#: Part of ``min_excess_seconds`` that is enough after a steady rise.
_EXCESS_OF_A_RISE = 0.9
#: Part of a rise's bad events that are in its first half; a straight rise from nothing has a quarter there.
_FIRST_HALF = 1 / 8
#: So many times what its test needs, natural logarithms, has a rise that is no spell.
_CLEAR = 1.5


def far_over(trigger: float, rules: DecisionRules, spells: Spells | None) -> float:
    """Return the share that is far over the trigger.

    :param trigger: of the share, 0..1.
    :param rules: the policy's rules of a decision.
    :param spells: the method's; None where it knows none.
    """
    factor = spells.far if spells else 1.0
    return 2 * rules.min_excess_seconds / rules.comparison_seconds * trigger * factor


def has_risen(bad: Trailing, column: int, rising: Rising) -> Mask:
    """Return True where a share has risen steadily since the phase began.

    Its test must be clear, each third of the phase have more bad events than the one before, and the first
    half its part of them: a spell's begin at once.

    :param bad: sums of events.
    :param column: of the bad ones.
    :param rising: the test of a rise.
    """
    seconds, everything = bad.seconds, bad.everything[column]
    last, late, half = (bad.over(seconds * part)[column] for part in (1 / 3, 2 / 3, 1 / 2))
    rises = (everything - late < late - last) & (late - last <= last)
    is_clear = rising.log_e >= _CLEAR * rising.log_threshold
    return np.asarray(is_clear & rises & (everything - half >= _FIRST_HALF * everything))


def is_late_regression(
    events: Trailing, rules: DecisionRules, spells: Spells | None, *, trigger: float, null: float, risen: Mask
) -> Mask:
    """Return True where the late window is over the trigger, and that is no spell.

    :param events: sums of the canary's events and of its bad ones, in the first two columns.
    :param rules: the policy's rules of a decision.
    :param spells: the method's; None where nothing tells a spell.
    :param trigger: of the share, 0..1.
    :param null: share that a rollback refutes, 0..1.
    :param risen: where the share has risen.
    """
    whole = rules.comparison_seconds
    total, bad = events.over(rules.late_window_seconds)[:2]
    enough = trigger * events.over(rules.min_excess_seconds)[0]
    lost = events.over(whole)[1]
    needed = enough
    if spells and spells.excess_of_a_rise:
        needed = np.where(risen, _EXCESS_OF_A_RISE * enough, enough)
    is_over = (bad > trigger * total) & (lost >= _MIN_BAD_EVENTS) & (lost > needed)
    if spells is None:
        return np.asarray(is_over)
    is_far_over = bad > far_over(trigger, rules, spells) * total
    is_far_over = is_far_over | (events.over(whole / 2)[1] > spells.far * enough)
    lasts = lost > spells.lasts * enough * whole / rules.min_excess_seconds
    sums = [events.over(seconds) for seconds in np.linspace(whole, 1.5 * whole, spells.before + 1)]
    parts = [longer - shorter for shorter, longer in pairwise(sums)]
    was_near = reduce(np.logical_and, [part[1] > spells.near * null * part[0] for part in parts])
    return np.asarray(is_over & (is_far_over | lasts | risen | was_near))
