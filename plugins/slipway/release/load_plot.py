"""Draws a load test as one SVG, self-contained: load, latency, events and memory over its time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slipway.analysis.load_report import LoadReport
from slipway.policy.staging import LoadTest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind people can tell apart.
_SEEN, _OTHER, _LIMIT = "#0072B2", "#D55E00", "#000000"
_SIZE_INCHES = (11.0, 5.6)
_MIB = 2**20


def draw_load(report: LoadReport, limits: LoadTest) -> str:
    """Return the SVG of a load test.

    :param report: what it saw.
    :param limits: the policy's.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    settings: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "slipway", "font.size": 8}
    with rc_context(settings):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        load, latency, events, memory = figure.subplots(2, 2, sharex=True).flat
        at = [stretch.at_seconds for stretch in report.timeline]
        _line(load, at, [stretch.requests_per_second for stretch in report.timeline], "requests a second")
        _line(load, at, [float(stretch.users) for stretch in report.timeline], "users", _OTHER, "--")
        load.legend(frameon=False)
        _panel(load, "Load", "")
        _line(latency, at, [stretch.latency_p95_ms for stretch in report.timeline], "P95")
        _panel(latency, "Latency P95, from when due", "ms", limits.maximum_latency_p95_ms)
        _line(events, at, [stretch.event_latency_p95_ms for stretch in report.timeline], "P95")
        _panel(events, "Event latency P95", "ms", limits.maximum_event_latency_ms)
        for instance in report.memory.instances:
            resident = [level / _MIB for level in instance.resident_bytes]
            _line(memory, instance.at_seconds, resident, "resident")
        memory.axvline(limits.memory.warm_up_seconds, color="#999999", linewidth=0.8)
        _panel(memory, "Resident memory of each instance", "MiB")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _line(
    axes: Axes,
    at: Sequence[float],
    values: Sequence[float | None],
    label: str,
    color: str = _SEEN,
    style: str = "-",
) -> None:
    shown = [float("nan") if value is None else value for value in values]
    axes.plot(at, shown, color=color, linestyle=style, linewidth=1.4, label=label)


def _panel(axes: Axes, title: str, unit: str, limit: float | None = None) -> None:
    axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
    axes.set_ylabel(unit, fontsize=7)
    axes.set_xlabel("seconds since the load began", fontsize=7)
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.5)
    if limit is not None:
        axes.axhline(limit, color=_LIMIT, linestyle=":", linewidth=1.4)
    axes.set_ylim(bottom=0)
