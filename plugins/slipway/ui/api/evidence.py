"""What the bakes of a release saw, metric by metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, get_args

from slipway.analysis.evidence_series import EvidencePoint, Series, series_of
from slipway.analysis.verdict import Finding, Verdict
from slipway.ledger.bakes import Bake, recorded_bakes
from slipway.ledger.chain import Record
from slipway.ledger.entries import EvidenceRecorded, Judged, PhaseBaked, TrafficShifted
from slipway.policy.metrics import BandMetric, LevelMetric, Metric, QuantileMetric, ShareMetric
from slipway.policy.release import PhaseName, Policy
from slipway.ui.api.links import Links
from slipway.ui.api.models.evidence import BakeEvidence, MetricEvidence, SeriesPoint, TriggerSeries

if TYPE_CHECKING:
    from collections.abc import Set

    from slipway.ledger.checks import BakeCheck
    from slipway.ledger.ledger import Release

#: Points of a sparkline.
POINTS = 60
_CONCERN = {Verdict.ROLLBACK: 0, Verdict.HOLD: 1, Verdict.PROMOTE: 2}


def bakes(release: Release, record: Record, drawn: Set[Bake], links: Links) -> tuple[BakeEvidence, ...]:
    """Return every bake of a release that has a verdict, the oldest first.

    :param release: the release.
    :param record: everything on record of it.
    :param drawn: the bakes whose drawing is kept.
    :param links: addresses.
    """
    return tuple(
        _baked(release, record, bake, verdict, drawn, links)
        for phase in get_args(PhaseName)
        for bake, verdict in recorded_bakes(record, phase)
    )


def running_bake(release: Release, bake: Bake, check: BakeCheck) -> BakeEvidence:
    """Return a bake that goes on, as of its newest check.

    :param release: the release.
    :param bake: the bake.
    :param check: its newest check.
    """
    return _bake_evidence(
        release.policy,
        bake,
        check.judged,
        check.series,
        running=True,
        checked_at=check.checked_at,
        drawing_url=None,
    )


def _bake_evidence(
    policy: Policy,
    bake: Bake,
    judged: Judged,
    series: Sequence[Series],
    *,
    running: bool,
    checked_at: datetime | None,
    drawing_url: str | None,
) -> BakeEvidence:
    """Return a bake as people read it, its metrics sorted by concern."""
    by_key = {found.key: found for found in series}
    return BakeEvidence(
        phase=bake.phase,
        round=bake.number,
        running=running,
        verdict=judged.verdict.value,
        reason=judged.reason,
        seconds=judged.seconds or 0.0,
        bake_seconds=policy.phases[bake.phase].bake_seconds,
        checked_at=checked_at,
        metrics=tuple(_sorted_by_concern(policy, judged, by_key)),
        drawing_url=drawing_url,
    )


def _baked(
    release: Release, record: Record, bake: Bake, verdict: PhaseBaked, drawn: Set[Bake], links: Links
) -> BakeEvidence:
    evidence = record.get(EvidenceRecorded, phase=bake.phase, round=bake.number)
    shifted = record.get(TrafficShifted, phase=bake.phase)
    ended = verdict.decided_at
    if ended is None and shifted is not None and verdict.seconds is not None:
        ended = shifted.at + timedelta(seconds=verdict.seconds)
    return _bake_evidence(
        release.policy,
        bake,
        verdict,
        [] if evidence is None else series_of(evidence.record(), release.policy, moments=POINTS),
        running=False,
        checked_at=ended,
        drawing_url=(links.drawing(release.release_id, bake.phase, bake.number) if bake in drawn else None),
    )


def _sorted_by_concern(
    policy: Policy, judged: Judged, series: Mapping[str, Series]
) -> Iterator[MetricEvidence]:
    found = {finding.metric: finding for finding in judged.findings}
    deciding = {
        finding.metric
        for finding in judged.findings
        if not finding.advisory and finding.verdict == judged.verdict
    }
    if judged.verdict is Verdict.PROMOTE:
        deciding = set()

    def concern(key: str) -> tuple[bool, bool, int]:
        finding = found.get(key)
        if finding is None:
            return True, True, _CONCERN[Verdict.PROMOTE]
        return key not in deciding, finding.advisory, _CONCERN[finding.verdict]

    # A finding of no metric of the policy: the share of the traffic that the phase really gets.
    keys = [*policy.metrics, *(key for key in found if key not in policy.metrics)]
    for key in sorted(keys, key=concern):
        yield _metric(
            key, policy.metrics.get(key), found.get(key), series, decides=key in deciding, judged=judged
        )


def _metric(
    key: str,
    metric: Metric | None,
    finding: Finding | None,
    series: Mapping[str, Series],
    *,
    decides: bool,
    judged: Judged,
) -> MetricEvidence:
    shown = series.get(key, Series(key, "", ""))
    target_words, trigger_words = ("", "") if metric is None else _limits_in_words(metric)
    return MetricEvidence(
        metric=key,
        title=key.replace("_", " ").capitalize() if metric is None else metric.title,
        unit=shown.unit,
        canary=_last(shown.canary),
        stable=_last(shown.stable),
        events=0.0 if finding is None else finding.events,
        direction="lower" if metric is None else metric.direction,
        target=shown.target,
        trigger=shown.trigger,
        at_trigger=_at_trigger(series.get(f"{key}/trigger")),
        band=shown.band,
        target_words=target_words,
        trigger_words=trigger_words,
        verdict="hold" if finding is None else finding.verdict.value,
        cause=None if finding is None or finding.cause is None else finding.cause.value,
        reason=judged.reason if finding is None else finding.reason,
        decides=decides,
        advisory=finding is not None and finding.advisory,
        series=_points(shown),
    )


def _at_trigger(series: Series | None) -> TriggerSeries | None:
    if series is None or series.trigger is None:
        return None
    return TriggerSeries(
        unit=series.unit,
        canary=_last(series.canary),
        stable=_last(series.stable),
        trigger=series.trigger,
        series=_points(series),
    )


def _limits_in_words(metric: Metric) -> tuple[str, str]:
    if isinstance(metric, ShareMetric):
        good, bad = ("at most", "over") if metric.direction == "lower" else ("at least", "under")
        trigger = f"{bad} {metric.trigger_percent:g} %" if metric.action == "rollback" else ""
        return f"{good} {metric.target_percent:g} %", trigger
    if isinstance(metric, QuantileMetric):
        name = f"P{metric.quantile_percent:g}"
        trigger = f"{name} over {metric.trigger_seconds:g} s" if metric.action == "rollback" else ""
        return f"{name} at most {metric.target_seconds:g} s", trigger
    if isinstance(metric, BandMetric):
        return f"{metric.minimum_percent:g} to {metric.maximum_percent:g} %", ""
    if isinstance(metric, LevelMetric):
        return f"at most {metric.figure(metric.limit)} {metric.unit}", ""
    return f"0 {metric.unit}", f"any {metric.unit}"


def _points(series: Series) -> tuple[SeriesPoint, ...]:
    canary, stable = ({point.at: point.value for point in arm} for arm in (series.canary, series.stable))
    return tuple(
        SeriesPoint(seconds=at, canary=_rounded(canary.get(at)), stable=_rounded(stable.get(at)))
        for at in sorted(canary.keys() | stable.keys())
    )


def _last(points: Sequence[EvidencePoint]) -> float | None:
    return _rounded(points[-1].value) if points else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")
