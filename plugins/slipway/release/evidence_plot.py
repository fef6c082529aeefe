"""Draws the evidence of a bake as one SVG, self-contained: for a browser, a report or a page."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.evidence_series import EvidencePoint, Series, series_of
from slipway.ledger.entries import Judged
from slipway.policy.release import Policy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind people can tell apart; each also has a line style of its own.
_CANARY, _STABLE, _TARGET, _TRIGGER = "#D55E00", "#0072B2", "#009E73", "#000000"
_COLUMNS = 2
_REASON_LENGTH = 150
_WIDTH_INCHES, _ROW_INCHES = 11.0, 2.3


def draw(title: str, record: EvidenceRecord, policy: Policy, decision: Judged) -> str:
    """Return the SVG of a phase's evidence.

    :param title: heading, such as the release and the phase.
    :param record: the phase's evidence.
    :param policy: the policy of the release.
    :param decision: the verdict of the bake.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    drawn = series_of(record, policy)
    rows = -(-len(drawn) // _COLUMNS)
    settings: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "slipway", "font.size": 8}
    # A dollar sign is a dollar sign, and no beginning of a formula.
    with rc_context({**settings, "text.parse_math": False}):
        figure = Figure(figsize=(_WIDTH_INCHES, rows * _ROW_INCHES + 1), layout="constrained")
        decided = decision.seconds or 0.0
        heading = f"{title}: {decision.verdict} after {decided:.0f} s"
        why = textwrap.shorten(decision.reason, _REASON_LENGTH, placeholder=" …")
        figure.suptitle(f"{heading}\n{why}", fontsize=10, x=0.01, ha="left")
        panels = list(figure.subplots(rows, _COLUMNS, squeeze=False, sharex=True).flat)
        bake = policy.phases[record.phase].bake_seconds
        for axes, series in zip(panels, drawn, strict=False):
            _panel(axes, series)
            _moments(axes, bake=bake, decided=decided)
        for axes in panels[len(drawn) :]:
            axes.set_axis_off()
        handles, labels = _legend(panels)
        figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), frameon=False)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _panel(axes: Axes, series: Series) -> None:
    axes.set_title(series.title, loc="left", fontsize=9, fontweight="bold")
    axes.set_ylabel(series.unit, fontsize=7)
    axes.set_xlabel("seconds since the traffic moved", fontsize=7)
    axes.xaxis.set_tick_params(labelbottom=True)
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if series.band is not None:
        axes.axhspan(*series.band, color=_TARGET, alpha=0.12, linewidth=0)
        for edge in series.band:
            axes.axhline(edge, color=_TARGET, linestyle="--", linewidth=1, label="target")
    if series.target is not None:
        axes.axhline(series.target, color=_TARGET, linestyle="--", linewidth=1.2, label="target")
    if series.trigger is not None:
        axes.axhline(series.trigger, color=_TRIGGER, linestyle=":", linewidth=1.4, label="trigger")
    _line(axes, series.stable, _STABLE, "-.", "stable")
    _line(axes, series.canary, _CANARY, "-", "new revision")
    if not series.canary:
        axes.text(0.5, 0.5, "no evidence of the new revision", transform=axes.transAxes, ha="center")
    axes.set_ylim(*_range(series))


def _range(series: Series) -> tuple[float, float]:
    """Return what the axis shows: all values and limits, and the intervals once they have narrowed."""
    limits = [limit for limit in (series.target, series.trigger, *(series.band or ())) if limit is not None]
    shown = [*limits, *(point.value for point in (*series.canary, *series.stable))]
    for points in (series.canary, series.stable):
        shown += [end for point in points[len(points) // 2 :] for end in (point.low, point.high)]
    low, high = min(shown, default=0.0), max(shown, default=1.0)
    if series.trigger == 0:
        high = max(high, 1.0)
    margin = 0.1 * (high - low or 1.0)
    return low - margin if low < 0 or low > margin else -margin / 4, high + margin


def _line(axes: Axes, points: Sequence[EvidencePoint], color: str, style: str, label: str) -> None:
    at = [point.at for point in points]
    axes.plot(at, [p.value for p in points], color=color, linestyle=style, linewidth=1.4, label=label)
    axes.fill_between(
        at,
        [point.low for point in points],
        [point.high for point in points],
        color=color,
        alpha=0.15,
        linewidth=0,
        label=f"{label}, 95 % interval",
    )


def _moments(axes: Axes, *, bake: float, decided: float) -> None:
    axes.axvline(decided, color="#CC79A7", linewidth=1.6, label="decision")
    if decided >= bake:
        axes.axvline(bake, color="#999999", linewidth=0.8, label="bake time over")


def _legend(panels: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)
