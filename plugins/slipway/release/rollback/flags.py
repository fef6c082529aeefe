"""The feature flags on the way back: what the policy sets on a rollback, where the release wrote any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.ledger.entries import ConfigurationWritten, FlagsRolledBack
from slipway.policy.release import EnvironmentName
from slipway.release.configuration import ConfigurationStore

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.ledger import Ledger, Release

ROLLBACK_ALIAS = "rollback"


def reason_to_keep_flags(release: Release, ledger: Ledger, environment: EnvironmentName) -> str | None:
    """Return why a rollback leaves the flags as they are, None when it writes them.

    :param release: the release to undo.
    :param ledger: the record of the releases.
    :param environment: ``staging`` or ``production``.
    """
    if ledger.get(release.release_id, ConfigurationWritten, environment=environment) is None:
        return f"release {release.release_id}: wrote no configuration"
    if release.plan.follows is not None:
        # The secret's alias reaches every region: the earlier ones keep the version, and its flags.
        return f"release {release.release_id}: the regions before it keep their flags"
    return None


def roll_back_flags(
    release: Release, cloud_run: CloudRunTrafficHook, environment: EnvironmentName, *, gcp_conn_id: str
) -> FlagsRolledBack:
    """Write what the policy changes on a rollback, and let the alias ``rollback`` name it.

    A revision mounts its version by number, so that writing another reaches nothing that runs. A product that
    knows where its document is (``<VARIABLE>_REFERENCE``) follows the alias while the version there is
    newer than its own: the revision that serves again switches over within seconds, and the next release,
    whose version is newer still, does not. Done again it writes nothing.

    :param release: the release to undo.
    :param cloud_run: the door to Cloud Run.
    :param environment: ``staging`` or ``production``.
    :param gcp_conn_id: connection to Google Cloud.
    :return: the versions written, and which of them the serving revision follows.
    """
    store = ConfigurationStore(release, environment, cloud_run, gcp_conn_id)
    running = store.running()
    written = store.write(running, rolled_back=True)
    for document, version in written.versions.items():
        store.secrets.point_alias(**store.secret(document), alias=ROLLBACK_ALIAS, version=version)
    follows = {name: name in running and running[name].follows for name in written.versions}
    return FlagsRolledBack(environment=environment, serving_follows=follows, **written.as_fields())
