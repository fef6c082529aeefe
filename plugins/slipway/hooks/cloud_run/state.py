"""What a service is at one moment, as plain data for the record, and what of it changed since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.cloud import run_v2

from slipway.hooks.cloud_run.template import contents_of
from slipway.hooks.cloud_run.traffic import serving_split, tags_of

State = Mapping[str, Any]
"""Keys ``etag``, ``generation``, ``modified_by``, ``modified_at``, ``template``, ``traffic``, ``tags``."""


def state_of(service: run_v2.Service) -> dict[str, Any]:
    """Return what a later read of a service is compared with. Holds no value of the environment.

    :param service: the service as read from the API.
    """
    client = f" with {service.client} {service.client_version}".rstrip() if service.client else ""
    return {
        "etag": service.etag,
        "generation": service.generation,
        "modified_by": (service.last_modifier or "an unknown author") + client,
        "modified_at": f"{service.update_time:%Y-%m-%d %H:%M:%S} UTC" if service.update_time else None,
        "template": {"revision": service.template.revision, **contents_of(service.template)},
        "traffic": serving_split(service),
        "tags": tags_of(service),
    }


def template_changes(before: State, after: State) -> list[str]:
    """Name what differs between two templates, a line each; values of the environment stay unnamed.

    :param before: the state on record.
    :param after: the state as read.
    """
    old, new = before["template"], after["template"]
    return [
        f"{field} changed" if field.startswith("env ") and field in old and field in new
        else f"{field} {_shown(field, old)} -> {_shown(field, new)}"
        for field in sorted(old.keys() | new.keys())
        if old.get(field) != new.get(field)
    ]  # fmt: skip


def traffic_changes(before: State, after: State) -> list[str]:
    """Name what differs between the traffic and the tags of two states, a line each.

    :param before: the state on record.
    :param after: the state as read.
    """
    return [
        f"{field} {before[field]} -> {after[field]}"
        for field in ("traffic", "tags")
        if before[field] != after[field]
    ]


def by_whom(state: State) -> str:
    """Say who changed a service last, and when."""
    when = f" at {state['modified_at']}" if state["modified_at"] else ""
    return f"{state['modified_by']}{when} (generation {state['generation']}, etag {state['etag']})"


def _shown(field: str, template: Mapping[str, str]) -> str:
    if field not in template:
        return "absent"
    return "present" if field.startswith("env ") else template[field]
