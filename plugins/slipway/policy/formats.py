"""Policies on record, in the words of the version that wrote them.

A release keeps the policy that it was opened with, and is read again for years. Whoever renames or removes a
field raises ``Policy.format`` and adds a step here that says the same in the new words; a new field has a
default that changes nothing for those before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slipway.exceptions import PolicyError
from slipway.policy.release import FORMAT, Policy, parse_policy

Document = dict[str, Any]


def parse_recorded_policy(document: Mapping[str, Any], *, source: str) -> Policy:
    """Check a policy on record, whichever version of Slipway wrote it.

    :param document: the policy as plain data.
    :param source: where it came from, for messages.
    :raises PolicyError: when a newer version wrote it, or a field is wrong.
    """
    written = document.get("format", 1)
    if written not in range(1, FORMAT + 1):
        raise PolicyError(
            f"policy {source}: format={written!r}: this version of Slipway reads 1..{FORMAT}; "
            "use the one that wrote it, or a newer one"
        )
    recent = dict(document)
    for number in range(written, FORMAT):
        recent = {**_STEPS[number](recent), "format": number + 1}
    return parse_policy(recent, source=source)


def _three_windows(document: Document) -> Document:
    """``trailing_seconds`` was the one window in which a late regression had to be over the trigger."""
    decision = dict(document["decision"])
    window = decision.pop("trailing_seconds", 375)
    compared = max(window, decision.get("comparison_seconds", 600))
    windows = {"lately_seconds": window, "lost_seconds": window, "comparison_seconds": compared}
    return {**document, "decision": {**decision, **windows}}


#: Old name to new name, by section.
_RENAMED_IN_3: Mapping[str, Mapping[str, str]] = {
    "approval": {"answer_seconds": "answer_timeout_seconds"},
    "verification": {
        "leftover_percent": "min_detectable_percent",
        "request_seconds": "request_timeout_seconds",
    },
    "decision": {
        "blind_seconds": "max_event_gap_seconds",
        "metric_restart_seconds": "test_restart_seconds",
        "person_seconds": "decision_timeout_seconds",
        "lately_seconds": "late_window_seconds",
        "lost_seconds": "min_excess_seconds",
        "when_blind": "when_underpowered",
        "power_percent": "detection_power_percent",
    },
    "traffic_share": {
        "counted_by": "request_metric",
        "forecast_seconds": "baseline_window_seconds",
    },
}
_METRIC_FIELDS_RENAMED_IN_3 = {
    "no_data": "on_no_data",
    "no_answer": "on_source_outage",
    "within": "buckets",
    "edges_in": "bucket_unit",
    "looks": "checks",
}


def _plain_names(document: Document) -> Document:
    """Format 3 renamed fields; a setting has the fields of its type alone.

    ``migrations.expectations`` is gone: a rehearsal shows what migrations leave. No other meaning changed.
    """
    sections = {
        section: _renamed(document[section], names)
        for section, names in _RENAMED_IN_3.items()
        if document.get(section) is not None
    }
    metrics = {
        key: _renamed(metric, _METRIC_FIELDS_RENAMED_IN_3) for key, metric in document["metrics"].items()
    }
    configuration = {
        name: {**content, "settings": _stated(content["settings"])}
        for name, content in document["configuration"].items()
    }
    migrations = {key: value for key, value in document["migrations"].items() if key != "expectations"}
    changed = {"metrics": metrics, "configuration": configuration, "migrations": migrations}
    return {**document, **sections, **changed}


def _stated(settings: Mapping[str, Mapping[str, Any]]) -> Document:
    """Format 2 had every field for every type of setting, None where it had no meaning."""
    return {
        key: {name: value for name, value in setting.items() if value is not None}
        for key, setting in settings.items()
    }


def _renamed(section: Mapping[str, Any], names: Mapping[str, str]) -> Document:
    return {names.get(key, key): value for key, value in section.items()}


#: What a load test had to show before format 4: any number of requests.
_ANY_LOAD: Document = {
    "evidence": {
        "ramp_up_seconds": 3600,
        "minimum_requests_percent": 0,
        "minimum_isolation_checks_per_hour": 1,
        "maximum_generator_cpu_percent": 100,
        "maximum_generator_lateness_ms": 1000,
    },
    "maximum_latency_p95_ms": 10_000,
    "maximum_cost_tracking_seconds": 60,
    "memory": {
        "maximum_mib": 1000,
        "per_seconds": 3600,
        "warm_up_seconds": 0,
        "confidence_percent": 95,
        "minimum_readings": 32,
    },
}


def _judged_load(document: Document) -> Document:
    """Format 4 judges the load test's own evidence, and memory by its slope, not by its growth in percent."""
    validation = document["staging_validation"]
    load = {k: v for k, v in validation["load_test"].items() if k != "maximum_memory_growth_percent"}
    return {**document, "staging_validation": {**validation, "load_test": {**load, **_ANY_LOAD}}}


#: Format that a step starts from.
_STEPS: Mapping[int, Callable[[Document], Document]] = {
    1: _three_windows,
    2: _plain_names,
    3: _judged_load,
}
