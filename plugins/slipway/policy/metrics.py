"""The part of the policy that says what is measured, and how evidence becomes a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from typing import Annotated, Literal

from pydantic import Field, model_validator

from slipway.policy.section import Percent, Seconds, Section


class DecisionRules(Section):
    """How evidence becomes a verdict.

    :param poll_seconds: time between two checks of the metrics.
    :param ingestion_seconds: the metrics source has all of a moment's data this long after it; a metric whose
        source is later or sooner says so itself.
    :param false_rollback_probability: bound on rolling back a release whose every metric stays at or under
        the guard (the geometric mean of target and trigger), over all metrics, phases and checks.
    :param promotion_evidence: e-value that a promotion needs against "as bad as the trigger".
    :param relative_to_stable: a rollback needs a canary at least this many times worse than stable.
    :param outage_seconds: how long the metrics source may be down before each metric's ``on_source_outage``
        applies; until then the phase is held.
    :param max_event_gap_seconds: longest time without an event of the new revision; after a longer one it is
        not promoted.
    :param test_restart_seconds: spacing of the fresh starts of each test, which detect a late regression.
    :param rollback_null: what a rollback must refute. ``guard``: "the share is at most the guard", between
        target and trigger; sooner, but a share between guard and trigger may be rolled back, and one exactly
        at the trigger usually is. ``strict``: "the share is at most the trigger"; rolls back only what is
        proven over it, several times later for mild regressions, and the deadline rule is off.
    :param quarantine: whether intervals in which stable itself exceeds the trigger are left out. Off is the
        strategy's literal reading: an outage of a shared dependency rolls the release back.
    :param quarantine_seconds: quarantine in all, per metric and phase; after it the phase is frozen: it needs
        a person's decision.
    :param decision_timeout_seconds: how long that decision may take; without one the release is rolled back.
        Every further bake round has the phase's part of ``false_rollback_probability`` once more.
    :param burst_seconds: a burst of bad events shorter than this, later than 3 1/3 times this into the phase,
        is never enough for a rollback where traffic is high; nor is a spell whose length times its share over
        the guard is under a ninth of it. Before that less is enough: a release's own fault mostly shows from
        its first request. Longer is more robust, and detects a late regression that much later.
    :param late_window_seconds: a late regression must exceed the trigger within this window.
    :param min_excess_seconds: a late regression must have caused more bad events in ``comparison_seconds``
        than this many seconds exactly at the trigger would; one that came suddenly and is near the trigger as
        many as all of ``comparison_seconds`` would.
    :param ask_after_seconds: a phase that can no longer end in a promotion asks a person once this has been
        so for as long; left out, it bakes on to its deadline. A metric over its trigger asks nobody: it is on
        its way to a rollback.
    :param comparison_seconds: window over which canary and stable are compared.
    :param when_underpowered: what to do with a phase whose traffic is too low to detect the trigger within
        ``bake_seconds``. ``extend`` starts it where its extension is long enough for the proof that a
        promotion needs, and otherwise does not; ``hold`` starts none that needs its extension.
    :param on_foreign_change: what to do when somebody else changes a service while a phase bakes. ``ask``
        holds the bake and asks a person (adopt, restore or roll back) for ``decision_timeout_seconds``;
        ``roll_back`` rolls back at once.
    :param detection_power_percent: a phase detects what it rolls back with at least this probability.
    :param replica_labels: labels by which the replicas of a collector mark their series. Series that differ
        in nothing else are counted once; any others that count the same events are no evidence.
    """

    poll_seconds: Seconds
    ingestion_seconds: Annotated[float, Field(ge=0)]
    false_rollback_probability: Annotated[float, Field(gt=0, lt=1)]
    promotion_evidence: Annotated[float, Field(gt=1)]
    relative_to_stable: Annotated[float, Field(ge=1)]
    outage_seconds: Seconds
    max_event_gap_seconds: Seconds
    test_restart_seconds: Seconds
    rollback_null: Literal["guard", "strict"] = "guard"
    quarantine: bool = True
    quarantine_seconds: Annotated[float, Field(gt=0, le=900)] = 900
    decision_timeout_seconds: Seconds = 1800
    burst_seconds: Seconds = 45
    late_window_seconds: Seconds = 150
    min_excess_seconds: Seconds = 430
    comparison_seconds: Seconds = 600
    ask_after_seconds: Seconds | None = None
    when_underpowered: Literal["extend", "hold"] = "extend"
    on_foreign_change: Literal["ask", "roll_back"] = "ask"
    detection_power_percent: Annotated[float, Field(gt=0, lt=100)] = 80
    replica_labels: tuple[Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")], ...] = ()

    @model_validator(mode="after")
    def _windows_in_order(self) -> DecisionRules:
        if not self.late_window_seconds <= self.min_excess_seconds <= self.comparison_seconds:
            raise ValueError(
                f"late_window_seconds={self.late_window_seconds:g}, "
                f"min_excess_seconds={self.min_excess_seconds:g}, "
                f"comparison_seconds={self.comparison_seconds:g}: each must be at most the next"
            )
        return self


class MetricRules(Section):
    """What every metric states.

    :param title: its name, for people.
    :param unit: what is counted, such as ``requests``, or the unit of the value.
    :param minimum_evidence: evidence of the new revision that a promotion needs: events of a share or
        quantile, the whole of a band, reports of a level or of a count that must stay zero.
    :param severity: as the strategy's alerts name it; a ``critical`` one notifies a person at once.
    :param on_no_data: what too little evidence does: ``hold``; or ``report`` where the metric only warns: the
        finding is shown and holds nothing.
    :param on_source_outage: what an outage of the metrics source longer than ``outage_seconds`` does:
        ``rollback``, ``hold``, or ``report`` where the metric only warns. None of them is a promotion.
    :param ingestion_seconds: its source has all of a moment's data this long after it; left out, the
        decision's. A rollback waits for the metrics that prove it, a promotion for all.
    """

    title: str
    unit: str
    minimum_evidence: Annotated[float, Field(gt=0)]
    severity: Literal["critical", "warning"] = "critical"
    on_no_data: Literal["hold", "report"] = "hold"
    on_source_outage: Literal["rollback", "hold", "report"] = "hold"
    ingestion_seconds: Annotated[float, Field(ge=0)] | None = None

    @property
    def may_be_missing(self) -> bool:
        """True for a metric that only warns."""
        return self.severity == "warning"

    @model_validator(mode="after")
    def _only_a_warning_may_be_missing(self) -> MetricRules:
        for rule in ("on_no_data", "on_source_outage"):
            if getattr(self, rule) == "report" and not self.may_be_missing:
                raise ValueError(
                    f"{rule}=report: only where the metric warns (severity: warning, and no rollback); "
                    "a release is not promoted without evidence on any other metric"
                )
        return self


class Consequence(MetricRules):
    """What follows when a share or a quantile is bad.

    :param action: ``rollback``; or ``hold`` for a metric that stops a promotion and never rolls back.
    :param false_rollback_parts: parts of ``decision.false_rollback_probability`` that this metric has, beside
        those of the others; more where a regression is likelier, and is then proven sooner.
    """

    action: Literal["rollback", "hold"] = "rollback"
    false_rollback_parts: Annotated[float, Field(gt=0)] = 1

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

    The histogram behind ``buckets`` must have bucket edges at both limits: only there is the reduction exact.

    :param on_missing_edge: what is done with a limit that is no edge. ``refuse``: the release is refused, as
        a product's own histogram can get the edge. ``stricter``: it is judged at the next lower edge, for the
        platform's histograms, whose edges are fixed: no version is promoted that the limit would not promote.
    :param stated_seconds: target and trigger of the policy's file, on record of a release that is judged at
        lower edges; no file states it.
    :param judged_edges: those edges, in ``bucket_unit``.
    :param buckets: query for a cumulative bucket of the histogram, with its edge as ``le="$le"``.
    :param bucket_unit: unit of the bucket edges, ``s`` or ``ms``; the limits are in seconds always.
    :param guard_percent: the null of a rollback under ``rollback_null: guard``, as a percent of requests
        slower than the trigger; left out it is ``100 - quantile_percent``, which is the trigger itself.
    """

    kind: Literal["quantile"]
    direction: Literal["lower"] = "lower"
    total: str
    buckets: Annotated[str, Field(pattern=r'le="\$le"')]
    bucket_unit: Literal["s", "ms"] = "s"
    quantile_percent: Annotated[float, Field(gt=0, lt=100)]
    target_seconds: Seconds
    trigger_seconds: Seconds
    guard_percent: Annotated[float, Field(gt=0, lt=100)] | None = None
    compare_with_stable: bool = True
    on_missing_edge: Literal["refuse", "stricter"] = "refuse"
    stated_seconds: tuple[float, float] | None = None
    judged_edges: tuple[float, float] | None = None

    @property
    def limits_seconds(self) -> tuple[float, float]:
        """Target and trigger."""
        return self.target_seconds, self.trigger_seconds

    def edge(self, seconds: float) -> float:
        """Return a limit as the histogram's edge, in ``bucket_unit``."""
        edge = seconds if self.bucket_unit == "s" else 1000 * seconds
        # To the last digit, as the source spells it.
        return next((judged for judged in self.judged_edges or () if isclose(judged, edge)), edge)

    def at_edges(self, edges: Sequence[float]) -> QuantileMetric:
        """Return the metric as a release is judged by it: with limits that are edges of the histogram.

        :param edges: of the histogram, in ``bucket_unit``.
        :return: the metric itself where its limits are edges, or no edge may stand in for one.
        """
        lower = [
            max((edge for edge in edges if edge <= self.edge(limit)), default=None)
            for limit in self.limits_seconds
        ]
        target, trigger = (None if edge is None else edge / self.edge(1) for edge in lower)
        if self.on_missing_edge == "refuse" or target is None or trigger is None:
            return self
        if (target, trigger) == self.limits_seconds:
            return self
        return self.model_copy(
            update={
                "target_seconds": target,
                "trigger_seconds": trigger,
                "stated_seconds": self.limits_seconds,
                "judged_edges": tuple(lower),
            }
        )

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

    A hold of a level, and any other that nothing can take away, asks a person after
    ``decision.ask_after_seconds``.

    :param value: one sample per series; the highest counts.
    :param limit: highest level allowed, in ``unit``.
    :param rollback_limit: level over which the release is rolled back, unless stable is over it too;
        left out, a level never rolls back.
    :param checks: the level is over a limit after this many checks in a row over it; a spike is not enough.
    :param horizon_seconds: a level whose trend reaches the limit within this time holds the release, as a
        leak does; left out, the trend is not judged.
    """

    kind: Literal["level"]
    direction: Literal["lower"] = "lower"
    value: str
    limit: Annotated[float, Field(gt=0)]
    rollback_limit: Annotated[float, Field(gt=0)] | None = None
    checks: Annotated[int, Field(ge=1, le=1000)] = 3
    horizon_seconds: Seconds | None = None
    severity: Literal["critical", "warning"] = "warning"

    @model_validator(mode="after")
    def _in_order(self) -> LevelMetric:
        if self.rollback_limit is not None and self.rollback_limit < self.limit:
            raise ValueError(f"rollback_limit={self.rollback_limit:g}: must be at least limit={self.limit:g}")
        return self

    @property
    def is_fraction(self) -> bool:
        """Whether the level is a fraction of something: its unit begins with ``of``."""
        return self.unit.startswith("of ")

    def figure(self, level: float) -> str:
        """Say a level without its unit; a fraction in percent.

        :param level: in ``unit``.
        :return: ``56.2 %`` of a fraction, ``0.562`` otherwise.
        """
        return f"{100 * level:.3g} %" if self.is_fraction else f"{level:.3g}"


class ZeroMetric(MetricRules):
    """A count that must stay zero: one event of the new revision rolls back, whenever it happened.

    The revision must export the counter at 0 from its start.
    """

    kind: Literal["zero"]
    direction: Literal["lower"] = "lower"
    count: str


Metric = Annotated[
    ShareMetric | QuantileMetric | BandMetric | LevelMetric | ZeroMetric, Field(discriminator="kind")
]

_EXPRESSIONS = ("total", "bad", "buckets", "part", "whole", "value", "count")


def expressions(metric: Metric) -> dict[str, str]:
    """Return the PromQL of a metric by its field."""
    return {name: getattr(metric, name) for name in _EXPRESSIONS if hasattr(metric, name)}
