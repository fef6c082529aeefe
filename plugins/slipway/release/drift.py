"""What a release expects of its services, and how a change by somebody else shows. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from slipway.exceptions import TrafficDrift
from slipway.ledger.entries import ChangeSettled, ReleaseOpened, RevisionDeployed, TrafficShifted

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.state import State
    from slipway.ledger.chain import Record
    from slipway.ledger.ledger import Release
    from slipway.ledger.plan import PlannedService


def stable_revision(release: Release, service: PlannedService) -> str | None:
    """Return the revision that served a service when the release began, None for its first release.

    :param release: the release.
    :param service: one of the release's services.
    """
    return next(iter(release.stable[service.names["production"]]), None)


def split_at(release: Release, service: PlannedService, percent: int) -> dict[str, int]:
    """Return the split that gives the new revision its share and stable the rest.

    A service without a stable revision has nothing to share with: its new revision has it all.

    :param release: the release.
    :param service: one of the release's services.
    :param percent: share of the new revision, 0..100.
    """
    stable = stable_revision(release, service)
    if stable is None:
        return {service.revisions["production"]: 100}
    split = {service.revisions["production"]: percent, stable: 100 - percent}
    return {revision: share for revision, share in split.items() if share}


def own_splits(release: Release, service: PlannedService) -> list[dict[str, int]]:
    """Return every split that the release may have set, or found when it began.

    :param release: the release.
    :param service: one of the release's services.
    """
    shares = [0, *(phase.traffic_percent for phase in release.policy.phases.values())]
    return [split_at(release, service, percent) for percent in shares]


def last_state(record: Record, service: str) -> State | None:
    """Return the state in which the release last left a service, as it is on record.

    :param record: everything on record of the release.
    :param service: name of the production service.
    """
    for entry in reversed(record):
        content = entry.content
        if isinstance(content, ReleaseOpened | RevisionDeployed | TrafficShifted | ChangeSettled):
            state = content.states.get(service)
            if state is not None:
                return state.model_dump()
    return None


def unchanged_service(
    release: Release, service: PlannedService, record: Record, *, goal: Mapping[str, int] | None = None
) -> Callable[[run_v2.Service], None]:
    """Return a check of a service as it is read: it raises when somebody else changed the service.

    :param release: a release that is open.
    :param service: one of its services.
    :param record: everything on record of the release.
    :param goal: the split that the step sets; None for a step that moves no traffic.
    :return: the check, which raises :class:`~slipway.exceptions.TrafficDrift`.
    """
    name = service.names["production"]
    recorded, stable = last_state(record, name), release.stable[name]
    if goal is None:
        goal = stable if recorded is None else recorded["traffic"]

    def require(live: run_v2.Service) -> None:
        from slipway.hooks.cloud_run.hook import state_of

        tag = release.policy.environments["production"].tag
        require_no_drift(service, recorded, state_of(live), stable=stable, goal=goal, tag=tag)

    return require


def require_no_drift(
    service: PlannedService,
    recorded: State | None,
    live: State,
    *,
    stable: Mapping[str, int],
    goal: Mapping[str, int],
    tag: str,
) -> None:
    """Refuse to go on when a service is neither as the release left it nor as this step is to leave it.

    The second happens when the step is done again: its first attempt was killed between its write and its
    record. A template that names the release's own revision is the release's: a revision cannot be changed.

    :param service: one of the release's services.
    :param recorded: the state on record, None when there is none.
    :param live: the state as read.
    :param stable: the split when the release began, empty for a service that did not serve.
    :param goal: the split that this step sets.
    :param tag: the tag that the release gives its revision.
    :raises TrafficDrift: with what was changed, by whom and when.
    """
    from slipway.hooks.cloud_run.state import by_whom, template_changes, traffic_changes

    own, serving = service.revisions["production"], live["traffic"]
    if recorded is None:
        _refuse_foreign_split(service, live, stable=stable, goal=goal)
        return
    changes = [] if live["template"]["revision"] == own else template_changes(recorded, live)
    recorded_tags, tags = dict(recorded["tags"]), {**recorded["tags"], tag: own}
    if serving not in (recorded["traffic"], dict(goal)) or live["tags"] not in (recorded_tags, tags):
        changes += traffic_changes(recorded, live)
    if changes:
        raise TrafficDrift(
            service.names["production"],
            f"changed by {by_whom(live)} since this release left it (etag {recorded['etag']}):"
            f" {'; '.join(changes)}. Nothing was overwritten; find out who, then release again",
        )


def _refuse_foreign_split(
    service: PlannedService, live: State, *, stable: Mapping[str, int], goal: Mapping[str, int]
) -> None:
    from slipway.hooks.cloud_run.state import by_whom

    if stable and live["traffic"] not in (dict(stable), dict(goal)):
        raise TrafficDrift(
            service.names["production"],
            f"serves {live['traffic']}, set by {by_whom(live)}; this release began at {dict(stable)}. Nothing"
            " was overwritten; find out who, then release again",
        )
