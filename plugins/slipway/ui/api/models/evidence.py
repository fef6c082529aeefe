"""What a bake sees: each metric with its limits, its verdict and a short series."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from slipway.policy.release import PhaseName
from slipway.ui.api.models.base import Answer, VerdictName


class SeriesPoint(Answer):
    """A metric over the interval that ends at this moment.

    :param seconds: since the bake began.
    :param canary: value of the new revision, in the unit of the metric; None without events.
    :param stable: value of the stable revision, likewise.
    """

    seconds: float
    canary: float | None
    stable: float | None


class MetricEvidence(Answer):
    """A metric of a bake.

    :param metric: key in the policy.
    :param title: as people read it.
    :param unit: of the values and the limits: ``%``, ``ms``, or another.
    :param canary: value of the new revision over the bake; None without events.
    :param stable: value of the stable revision over the bake; None without events, or where it is not read.
    :param events: events of the new revision behind it.
    :param direction: ``lower`` and ``higher`` are better, ``within`` the band is good.
    :param target: the limit that a promotion must keep; for a band the nearer edge.
    :param trigger: the limit that rolls back; None where none does.
    :param band: lower and upper edge of the band; None for a metric without one.
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
    band: tuple[float, float] | None
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
