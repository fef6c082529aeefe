"""What a bake sees: each metric with its limits, its verdict and a short series."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from slipway.policy.release import PhaseName
from slipway.ui.api.models.base import Answer, VerdictName


class SeriesPoint(Answer):
    """A metric over the interval that ends at this moment.

    :param seconds: since the first check of the bake.
    :param canary: value of the new revision, in the unit of the metric; None without events.
    :param stable: value of the stable revision, likewise.
    """

    seconds: float
    canary: float | None
    stable: float | None


class TriggerSeries(Answer):
    """A quantile at its trigger, where that is another limit than its target.

    :param unit: of the values and the limit.
    :param canary: latest value of the new revision; None without events.
    :param stable: latest value of the stable revision; None without events.
    :param trigger: the limit that rolls back.
    :param series: at most 60 points.
    """

    unit: str
    canary: float | None
    stable: float | None
    trigger: float
    series: tuple[SeriesPoint, ...]


class MetricEvidence(Answer):
    """A metric of a bake.

    Shares are of the policy's ``comparison_seconds`` up to each check; a level and a count are what they are
    at it. A quantile is shown as the share of events over its limit.

    :param metric: key in the policy.
    :param title: as people read it.
    :param unit: of the values and the limits.
    :param canary: latest value of the new revision; None without events.
    :param stable: latest value of the stable revision; None without events.
    :param events: events of the new revision behind the verdict.
    :param direction: ``lower`` and ``higher`` are better, ``within`` the band is good.
    :param target: the limit that a promotion must keep; for a band the nearer edge.
    :param trigger: the limit that rolls back, in ``unit``; None where none does, or another limit does.
    :param at_trigger: the values at the trigger, where that is another limit than the target; None otherwise.
    :param band: lower and upper edge of the band; None for a metric without one.
    :param target_words: the target as the policy has it, such as ``P95 at most 0.5 s``.
    :param trigger_words: what rolls back, such as ``P95 over 2 s``; empty where nothing does.
    :param verdict: the verdict on this metric.
    :param cause: why, for machines; None where there is none.
    :param reason: one line for people, with values, units and limits.
    :param decides: whether the verdict of the bake rests on it.
    :param advisory: whether it is shown and holds nothing.
    :param series: at most 60 points, for a sparkline.
    """

    metric: str
    title: str
    unit: str
    canary: float | None
    stable: float | None
    events: float
    direction: Literal["lower", "higher", "within"]
    target: float | None
    trigger: float | None
    at_trigger: TriggerSeries | None
    band: tuple[float, float] | None
    target_words: str
    trigger_words: str
    verdict: VerdictName
    cause: str | None
    reason: str
    decides: bool
    advisory: bool
    series: tuple[SeriesPoint, ...]


class BakeEvidence(Answer):
    """A bake: of a phase, and which round of it.

    :param phase: the phase.
    :param round: 1 for the first bake of the phase.
    :param running: whether it goes on.
    :param verdict: so far, or in the end.
    :param reason: one line: why.
    :param seconds: length of the bake so far, in seconds.
    :param bake_seconds: how long it bakes before it may be promoted, in seconds.
    :param checked_at: moment of the last check; None where it is not known.
    :param metrics: sorted by concern, the deciding one first.
    :param drawing_url: the drawing of the evidence, from the root of the web server; None where none is kept.
    """

    phase: PhaseName
    round: int
    running: bool
    verdict: VerdictName
    reason: str
    seconds: float
    bake_seconds: float
    checked_at: datetime | None
    metrics: tuple[MetricEvidence, ...]
    drawing_url: str | None


class Bakes(Answer):
    """Every bake of a release that has a verdict, the oldest first.

    :param bakes: the bakes.
    """

    bakes: tuple[BakeEvidence, ...]
