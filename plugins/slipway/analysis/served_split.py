"""Whether the split that was asked for is the one that is served, from whom a number of requests reached."""

from __future__ import annotations

import math
from collections.abc import Mapping


def requests_needed(split: Mapping[str, int], *, false_alarm: float, min_detectable_percent: float) -> int:
    """Return how many requests show a revision of the split that is reached by none.

    With ``n`` requests a share ``s`` is missed with probability ``(1 - s)^n``; ``n`` is the smallest for
    which that is so improbable that :func:`wrong_shares` refuses it.

    :param split: percent by revision, in total 100.
    :param false_alarm: bound on refusing a split that is served as asked.
    :param min_detectable_percent: share of an unwanted revision that must be found where one has everything.
    """
    shares = [percent / 100 for percent in split.values() if 0 < percent < 100]
    smallest = min([*shares, min_detectable_percent / 100])
    return math.ceil(math.log(_level(split, false_alarm)) / math.log1p(-smallest))


def wrong_shares(counts: Mapping[str, int], split: Mapping[str, int], *, false_alarm: float) -> list[str]:
    """Name the revisions whose number of requests the split cannot explain; none when all can be.

    Each revision's number is binomial when the split is served. Both tails are exact; their level is the
    bound divided by the number of tails, so that all of them together keep it. A revision outside the split
    is refused with its first request.

    :param counts: requests by the revision that answered.
    :param split: percent by revision, in total 100.
    :param false_alarm: bound on refusing a split that is served as asked.
    """
    total = sum(counts.values())
    wrong = [
        f"{revision} answered {counts[revision]} of {total} requests and should answer none"
        for revision in sorted(counts.keys() - {name for name, percent in split.items() if percent})
    ]
    for revision, percent in split.items():
        seen = counts.get(revision, 0)
        if percent and min(_tails(seen, total, percent / 100)) <= _level(split, false_alarm):
            wrong.append(f"{revision} answered {seen} of {total} requests and should answer {percent} %")
    return wrong


def _level(split: Mapping[str, int], false_alarm: float) -> float:
    return false_alarm / (2 * max(1, sum(percent > 0 for percent in split.values())))


def _tails(seen: int, total: int, share: float) -> tuple[float, float]:
    """Return the probabilities of at most, and of at least, ``seen`` out of ``total``."""
    # Imported here: SciPy takes a quarter of a second, and the hook that needs this is imported with others.
    from scipy.special import bdtr, bdtrc

    return float(bdtr(seen, total, share)), float(bdtrc(seen - 1, total, share))
