"""Who serves a Cloud Run service: reading its split, and the split asked for. Pure functions of messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.cloud import run_v2

from slipway.exceptions import CloudRunError

BY_REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION


@dataclass(frozen=True)
class TrafficChange:
    """What a call of ``set_traffic`` found and left.

    :param before: percent by revision before, as :func:`serving_split` gives it.
    :param after: percent by revision after.
    :param changed: whether a write was needed.
    :param etag: etag of the service after, to guard the next write with.
    :param state: the service after, as :func:`slipway.hooks.cloud_run.state.state_of` gives it.
    """

    before: dict[str, int]
    after: dict[str, int]
    changed: bool
    etag: str
    state: Mapping[str, Any] = field(default_factory=dict)


def short_name(resource: str) -> str:
    """Return the last part of a resource name: ``projects/p/.../revisions/r`` and ``r`` both give ``r``."""
    return resource.rsplit("/", 1)[-1]


def serving_split(service: run_v2.Service) -> dict[str, int]:
    """Return the percent of requests by short revision name, as the service's status reports it.

    An entry for the latest revision counts for the revision it stands for now. A revision that serves nobody
    is not in it, even if it is reachable by a tag.

    :param service: the service as read from the API.
    :return: only percents above 0.
    """
    split: dict[str, int] = {}
    for status in service.traffic_statuses:
        revision = short_name(status.revision or service.latest_ready_revision)
        if revision and status.percent:
            split[revision] = split.get(revision, 0) + status.percent
    return split


def tags_of(service: run_v2.Service) -> dict[str, str]:
    """Return the revision (short name) by tag, as the service's status reports it."""
    return {
        status.tag: short_name(status.revision or service.latest_ready_revision)
        for status in service.traffic_statuses
        if status.tag
    }


def revision_uri(service: run_v2.Service, tag: str) -> str:
    """Return the URL that reaches the revision with ``tag`` and no other.

    :param service: the service as read from the API.
    :param tag: a tag in its traffic.
    :raises CloudRunError: when no entry of the traffic has this tag, or it has no URL yet.
    """
    for status in service.traffic_statuses:
        if status.tag == tag and status.uri:
            return str(status.uri)
    raise CloudRunError(
        f"service {short_name(service.name)}: no URL for tag {tag};"
        f" its tags are {', '.join(sorted(tags_of(service))) or 'none'}"
    )


@dataclass(frozen=True)
class TrafficPlan:
    """A split pinned by revision name: what is written, and what must then be read back.

    :param split: percent by short revision name, only above 0, in total 100.
    :param tags: short revision name by tag.
    """

    split: Mapping[str, int]
    tags: Mapping[str, str]

    @classmethod
    def of(cls, split: Mapping[str, int], tags: Mapping[str, str]) -> TrafficPlan:
        """Make a plan from a split with or without zeros.

        :param split: percent by short revision name.
        :param tags: short revision name by tag.
        :raises ValueError: when a percent is not a whole number in 0..100, or the total is not 100.
        """
        for revision, percent in split.items():
            if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent <= 100:
                raise ValueError(f"split: {revision}={percent!r} must be a whole number in 0..100")
            if not revision or "/" in revision:
                raise ValueError(f"split: {revision!r} must be a revision's short name")
        if sum(split.values()) != 100:
            raise ValueError(f"split {dict(split)} is {sum(split.values())} % in total, must be 100 %")
        return cls({name: percent for name, percent in split.items() if percent}, dict(tags))

    def targets(self) -> list[run_v2.TrafficTarget]:
        """Return the whole list to write: always by revision name, never "latest"."""
        waiting = dict(self.split)
        targets = [
            run_v2.TrafficTarget(
                type_=BY_REVISION, revision=revision, percent=waiting.pop(revision, 0), tag=tag
            )
            for tag, revision in self.tags.items()
        ]
        return [
            *(
                run_v2.TrafficTarget(type_=BY_REVISION, revision=revision, percent=percent)
                for revision, percent in waiting.items()
            ),
            *targets,
        ]

    def asked_of(self, service: run_v2.Service) -> bool:
        """Whether the service's specification is this plan already."""
        split: dict[str, int] = {}
        for target in service.traffic:
            if target.type_ != BY_REVISION and (target.percent or target.tag):
                return False
            if target.percent:
                revision = short_name(target.revision)
                split[revision] = split.get(revision, 0) + target.percent
        tags = {target.tag: short_name(target.revision) for target in service.traffic if target.tag}
        return split == self.split and tags == self.tags

    def shown_by(self, service: run_v2.Service) -> bool:
        """Whether the service's status reports this plan: requests are being split so."""
        return serving_split(service) == self.split and tags_of(service) == self.tags


def describe_change(before: run_v2.Service, after: run_v2.Service) -> str:
    """Say who changed what between two reads of a service. Names no value of the environment."""
    who = after.last_modifier or "an unknown author"
    client = f" with {after.client} {after.client_version}".rstrip() if after.client else ""
    when = f" at {after.update_time:%Y-%m-%d %H:%M:%S} UTC" if after.update_time else ""
    changes = [f"generation {before.generation} -> {after.generation}"]
    if before.template != after.template:
        changes.append(
            f"template {before.template.revision or 'unnamed'} -> {after.template.revision or 'unnamed'}"
        )
    if serving_split(before) != serving_split(after) or before.traffic != after.traffic:
        changes.append(f"traffic {serving_split(before)} -> {serving_split(after)}")
    return f"changed by {who}{client}{when}: {', '.join(changes)}"
