"""The part of the policy that says what is measured, and how evidence becomes a verdict."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from slipway.policy.section import Percent, Seconds, Section


class DecisionRules(Section):
    """How evidence becomes a verdict.

    :param poll_seconds: time between two looks at the metrics.
    :param ingestion_seconds: how old a moment must be before the metrics source has all of it.
    :param false_rollback_probability: bound on rolling back a release whose every metric stays at or under
        the guard (the geometric mean of target and trigger), over all metrics, phases and looks.
    :param promotion_evidence: e-value that a promotion needs against "as bad as the trigger".
    :param relative_to_stable: how many times worse than stable a canary must be to be blamed.
    :param outage_seconds: how long the metrics source may stay without an answer before each metric's
        ``no_answer`` follows; until then the phase is held.
    :param blind_seconds: a new revision from which no event was seen for so long is not promoted.
    :param metric_restart_seconds: spacing of the fresh starts that let a late regression be seen quickly.
    :param rollback_null: what a rollback must refute. ``guard``: "the share is at most the guard", between
        target and trigger; sooner, but a share between guard and trigger may be rolled back, and one exactly
        at the trigger usually is. ``strict``: "the share is at most the trigger"; only what is proven over it
        is rolled back, several times later for mild regressions, and the deadline rule is off.
    :param quarantine: whether intervals in which stable itself is over the trigger are left out. Off is the
        strategy's literal reading: an outage of a shared dependency rolls the release back.
    :param quarantine_seconds: quarantine in all, per metric and phase; then the phase is frozen: on hold, and
        a person is called.
    :param person_seconds: how long a person who was called has for an answer; without one the release is
        rolled back. Every further watch that a person asks for has the phase's part of
        ``false_rollback_probability`` once more.
    :param burst_seconds: a burst of bad events shorter than this, later than 3 1/3 times this into the phase,
        is never enough for a rollback where traffic is high; nor is a spell whose length times its share over
        the guard is under a ninth of it. Before that less is enough: a release's own fault is mostly there
        from its first request. Longer is more robust, and a late regression is seen that much later.
    :param lately_seconds: a late regression must be over the trigger within this window.
    :param lost_seconds: and must have lost, within ``comparison_seconds``, more than as much as this time at
        the trigger would.
    :param comparison_seconds: window over which canary and stable are compared.
    :param when_blind: what to do before a phase that cannot see the trigger at its traffic: ``extend``
        begins it where the proof that a promotion needs can be had within the extension, and does not start
        it where not even that is long enough; ``hold`` starts none that needs its extension.
    :param power_percent: probability with which a phase must catch a regression to count as seeing it.
    """

    poll_seconds: Seconds
    ingestion_seconds: Annotated[float, Field(ge=0)]
    false_rollback_probability: Annotated[float, Field(gt=0, lt=1)]
    promotion_evidence: Annotated[float, Field(gt=1)]
    relative_to_stable: Annotated[float, Field(ge=1)]
    outage_seconds: Seconds
    blind_seconds: Seconds
    metric_restart_seconds: Seconds
    rollback_null: Literal["guard", "strict"] = "guard"
    quarantine: bool = True
    quarantine_seconds: Annotated[float, Field(gt=0, le=900)] = 900
    person_seconds: Seconds = 1800
    burst_seconds: Seconds = 45
    lately_seconds: Seconds = 150
    lost_seconds: Seconds = 430
    comparison_seconds: Seconds = 600
    when_blind: Literal["extend", "hold"] = "extend"
    power_percent: Annotated[float, Field(gt=0, lt=100)] = 80

    @model_validator(mode="after")
    def _windows_in_order(self) -> DecisionRules:
        if not self.lately_seconds <= self.lost_seconds <= self.comparison_seconds:
            raise ValueError(
                f"lately_seconds={self.lately_seconds:g}, lost_seconds={self.lost_seconds:g}, "
                f"comparison_seconds={self.comparison_seconds:g}: none may be over the next"
            )
        return self


class MetricRules(Section):
    """What every metric states.

    :param title: its name, for people.
    :param unit: what is counted, such as ``requests``, or the unit of the value.
    :param minimum_evidence: what must have been seen of the new revision before it can be promoted: events of
        a share or quantile, the whole of a band, reports of a level or of a count that must stay zero.
    :param severity: as the strategy's alerts name it: a ``critical`` one calls a person at once.
    :param no_data: what too little evidence does: ``hold``; or ``report`` where the metric only warns: it is
        told and holds nothing.
    :param no_answer: what follows when the source does not answer for ``outage_seconds``: ``rollback``,
        ``hold``, or ``report`` where the metric only warns. None of them is a promotion.
    """

    title: str
    unit: str
    minimum_evidence: Annotated[float, Field(gt=0)]
    severity: Literal["critical", "warning"] = "critical"
    no_data: Literal["hold", "report"] = "hold"
    no_answer: Literal["rollback", "hold", "report"] = "hold"

    @property
    def may_be_missing(self) -> bool:
        """True for a metric that only warns."""
        return self.severity == "warning"

    @model_validator(mode="after")
    def _only_a_warning_may_be_missing(self) -> MetricRules:
        for rule in ("no_data", "no_answer"):
            if getattr(self, rule) == "report" and not self.may_be_missing:
                raise ValueError(
                    f"{rule}=report: only where the metric warns (severity: warning, and no rollback); "
                    "anything else must not be promoted unseen"
                )
        return self


class Consequence(MetricRules):
    """What follows when a share or a quantile is bad.

    :param action: ``rollback``; or ``hold`` for a metric that stops a promotion and never rolls back.
    """

    action: Literal["rollback", "hold"] = "rollback"

    @property
    def may_be_missing(self) -> bool:
        """True for a metric that only warns and only holds."""
        return self.severity == "warning" and self.action == "hold"


class ShareMetric(Consequence):
    """Bad events as a share of all events: held past the target, rolled back past the trigger.

    :param direction: ``lower``: target and trigger are the percents of bad events that are just allowed;
        ``higher``: the percents of good ones.
    :param guard_percent: the null of a rollback under ``rollback_null: guard``; left out it is the geometric
        mean of target and trigger.
    """

    kind: Literal["share"]
    direction: Literal["lower", "higher"] = "lower"
    total: str
    bad: str
    target_percent: Percent
    trigger_percent: Annotated[float, Field(gt=0, lt=100)]
    guard_percent: Annotated[float, Field(gt=0, lt=100)] | None = None
    compare_with_stable: bool = True

    def bad_percent(self, percent: float) -> float:
        """Return a limit as a percent of bad events, whatever the direction it is stated in."""
        return percent if self.direction == "lower" else 100 - percent

    @model_validator(mode="after")
    def _in_order(self) -> ShareMetric:
        target, trigger = self.bad_percent(self.target_percent), self.bad_percent(self.trigger_percent)
        if self.guard_percent is not None and not target <= self.bad_percent(self.guard_percent) <= trigger:
            raise ValueError(
                f"guard_percent={self.guard_percent}: must be between target_percent={self.target_percent} "
                f"and trigger_percent={self.trigger_percent}"
            )
        if target > trigger:
            most = "most" if self.direction == "lower" else "least"
            raise ValueError(
                f"target_percent={self.target_percent}: must be at {most} "
                f"trigger_percent={self.trigger_percent}"
            )
        return self


class QuantileMetric(Consequence):
    """A latency quantile, judged as the share of requests slower than its limit.

    The histogram behind ``within`` must have bucket edges at both limits: only there is the reduction exact.
    A release is refused where it has not.

    :param within: cumulative buckets of the histogram, whose edge is asked for by ``le="$le"``.
    :param edges_in: unit of the histogram's edges, ``s`` or ``ms``; the limits are in seconds always.
    :param guard_percent: the null of a rollback under ``rollback_null: guard``, as a percent of requests
        slower than the trigger; left out it is ``100 - quantile_percent``, which is the trigger itself.
    """

    kind: Literal["quantile"]
    direction: Literal["lower"] = "lower"
    total: str
    within: Annotated[str, Field(pattern=r'le="\$le"')]
    edges_in: Literal["s", "ms"] = "s"
    quantile_percent: Annotated[float, Field(gt=0, lt=100)]
    target_seconds: Seconds
    trigger_seconds: Seconds
    guard_percent: Annotated[float, Field(gt=0, lt=100)] | None = None
    compare_with_stable: bool = True

    @property
    def limits_seconds(self) -> tuple[float, float]:
        """Target and trigger."""
        return self.target_seconds, self.trigger_seconds

    def edge(self, seconds: float) -> float:
        """Return a limit as the histogram's edge, in ``edges_in``."""
        return seconds if self.edges_in == "s" else 1000 * seconds

    @model_validator(mode="after")
    def _in_order(self) -> QuantileMetric:
        if self.target_seconds > self.trigger_seconds:
            raise ValueError(
                f"target_seconds={self.target_seconds}: must be at most "
                f"trigger_seconds={self.trigger_seconds}"
            )
        if self.guard_percent is not None and self.guard_percent > 100 - self.quantile_percent:
            raise ValueError(
                f"guard_percent={self.guard_percent}: must be at most {100 - self.quantile_percent:g}, "
                f"which is 100 - quantile_percent"
            )
        return self


class BandMetric(MetricRules):
    """``100 * (1 - part / whole)`` must lie in a band; outside it the release is held, never rolled back.

    :param margin_percent: a promotion needs an observed value inside the band and proof that the true one is
        no further than this outside it. 0 asks for proof of the band itself, which a value near an edge
        never gets.
    """

    kind: Literal["band"]
    direction: Literal["within"] = "within"
    part: str
    whole: str
    minimum_percent: Percent
    maximum_percent: Percent
    margin_percent: Annotated[float, Field(ge=0, le=50)] = 5


class LevelMetric(MetricRules):
    """A level, such as memory in use: over its limit, or on its way there, the release is held.

    :param value: one sample per series; the highest counts.
    :param limit: the highest level that is allowed, in ``unit``.
    :param looks: how many looks in a row must be over the limit, so that a spike is not a verdict.
    :param horizon_seconds: a level that rises as if to reach its limit within this time is on its way there,
        as with a leak; left out, the trend is not judged.
    """

    kind: Literal["level"]
    direction: Literal["lower"] = "lower"
    value: str
    limit: Annotated[float, Field(gt=0)]
    looks: Annotated[int, Field(ge=1, le=1000)] = 3
    horizon_seconds: Seconds | None = None
    severity: Literal["critical", "warning"] = "warning"


class ZeroMetric(MetricRules):
    """A count that must stay zero: one event rolls back."""

    kind: Literal["zero"]
    direction: Literal["lower"] = "lower"
    count: str


Metric = Annotated[
    ShareMetric | QuantileMetric | BandMetric | LevelMetric | ZeroMetric, Field(discriminator="kind")
]

_EXPRESSIONS = ("total", "bad", "within", "part", "whole", "value", "count")


def expressions(metric: Metric) -> dict[str, str]:
    """Return the PromQL of a metric by its field."""
    return {name: getattr(metric, name) for name in _EXPRESSIONS if hasattr(metric, name)}
