"""The platform's metrics, late."""

from __future__ import annotations

from sandbox.cloud.data_plane.delayed_metrics import DelayedMetrics


def test_lines_are_shown_late_and_with_their_moment() -> None:
    now = [1000.0]
    late = DelayedMetrics(lambda: ["# TYPE x counter", f"x {now[0] - 1000:g}"], 60, clock=lambda: now[0])
    seen = []
    for now[0] in (1000.0, 1030.0, 1059.0, 1060.0, 1095.0):
        seen.append(list(late.exposition()))
    assert seen[:3] == [[], [], []]
    assert seen[3] == ["# TYPE x counter", "x 0 1000000"]
    assert seen[4] == ["# TYPE x counter", "x 30 1030000"]


def test_without_a_delay_they_are_as_they_are() -> None:
    assert list(DelayedMetrics(lambda: ["x 1"], 0).exposition()) == ["x 1"]
