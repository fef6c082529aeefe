"""A counter that arrives as several series is found, and two counters are not taken for one."""

from __future__ import annotations

import pytest
from slipway.analysis.doubled_series import DoubledSeries, Labelled


def series(value: float, **labels: str) -> Labelled:
    return {"__name__": "requests_total", "revision_name": "web-2", **labels}, value


@pytest.mark.parametrize(
    "label", ["replica", "prometheus_replica", "prometheus", "__replica__", "collector", "monitor", "receive"]
)
def test_series_that_differ_in_who_collected_them_are_one_counter(label: str) -> None:
    found = DoubledSeries().found(
        [series(36000, instance="a", **{label: "x"}), series(35_960, instance="a", **{label: "y"})]
    )
    assert found == (
        f'requests_total{{instance="a",revision_name="web-2"}} is counted 2 times, with {label} x and y'
    )


def test_a_target_that_two_jobs_or_two_federations_scrape_is_one_counter() -> None:
    jobs = [series(5, instance="a", job="web"), series(5, instance="a", job="web-again")]
    assert DoubledSeries().found(jobs).endswith("with job web and web-again")
    federated = [series(5, instance=name, exported_instance="a") for name in ("prometheus-0", "prometheus-1")]
    assert DoubledSeries().found(federated).endswith("with instance prometheus-0 and prometheus-1")


def test_any_other_label_is_found_when_its_series_rise_together() -> None:
    doubled = DoubledSeries()
    found = [
        doubled.found([series(value, instance="a", zone="x"), series(value, instance="a", zone="y")])
        for value in (100, 175, 175, 250)
    ]
    assert found == ["", "", "", found[3]]
    assert found[3].endswith("is counted twice, with zone x and y")


def test_processes_codes_and_equal_counters_at_rest_are_counters_of_their_own() -> None:
    doubled = DoubledSeries()
    for check in range(10):
        even = 100.0 + 75 * check
        assert not doubled.found([series(even, instance="a"), series(even, instance="b")])
        assert not doubled.found([series(even, code="2xx"), series(even / 100, code="5xx")])
        assert not doubled.found([series(60, code="404"), series(60, code="401")])
        assert not doubled.found(
            [series(even, instance="a", job="web"), series(even, instance="b", job="api")]
        )
