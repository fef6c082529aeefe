"""The safe direction: all traffic back to what served when the release began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slipway.hooks.cloud_run import CloudRunTrafficHook
    from slipway.ledger import Release


def restore_stable_traffic(release: Release, hook: CloudRunTrafficHook) -> dict[str, Any]:
    """Restore the recorded split of every production service; where it already serves, nothing is done.

    :param release: the release to undo.
    :param hook: the door to Cloud Run.
    :return: per service the split before and after.
    """
    production = release.policy.environments["production"]
    changes = {}
    for service, split in release.stable.items():
        change = hook.set_traffic(
            project_id=production.project_id,
            location=production.location,
            service=service,
            split=split,
            timeout=release.policy.rollback_deadlines.traffic_seconds,
        )
        changes[service] = {"before": change.before, "after": change.after, "changed": change.changed}
    return changes
