"""Checks that the rollback target can run on the present schema, before traffic goes back to it.

A release never applies a contract step that its own rollback target cannot run on. Somebody else may have
applied one since the release began: the old version would fail where the new one is only worse.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from slipway.exceptions import SchemaContractBroken
from slipway.ledger.entries import ReleaseOpened, RollbackOverridden
from slipway.release.schema import identity_of, migrations_directory
from slipway.schema.contract import read_migrations
from slipway.schema.plan import require_readable

if TYPE_CHECKING:
    from slipway.ledger.chain import Kind
    from slipway.ledger.ledger import Release

ANSWER_SECONDS = 5
_log = logging.getLogger(__name__)


class Entries(Protocol):
    """What is on record of a release: the ledger, or its rollback record where the ledger is away."""

    def get(self, release_id: str, kind: type[Kind], **parts: str | int | None) -> Kind | None:
        """Return an entry, None when it is not on record."""


def require_readable_targets(
    release: Release, services: Sequence[str], entries: Entries
) -> Mapping[str, str]:
    """Make sure that the versions to which traffic would go back can run on production's schema.

    The safe direction stays the rollback: when the schema cannot be read within a few seconds, the traffic
    goes back unchecked. A person's answer, on record as ``rollback_overridden/schema``, is followed too.

    :param release: the release to roll back.
    :param services: names of the production services whose traffic would move.
    :param entries: where the versions of the targets and a person's answer are on record.
    :return: by service, why it was not checked.
    :raises SchemaContractBroken: naming the version, the migrations in its way, and the ways forward.
    """
    try:
        return _check(release, services, entries)
    except SchemaContractBroken:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it must not keep the traffic where it is
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        _log.warning(
            "Could not check that the previous version runs on the current schema; rolling back anyway: %s",
            why,
        )
        return dict.fromkeys(services, f"the schema could not be read: {why}")


def _check(release: Release, services: Sequence[str], entries: Entries) -> Mapping[str, str]:
    opened = entries.get(release.release_id, ReleaseOpened)
    recorded = {} if opened is None else opened.versions
    versions = {name: version for name, version in recorded.items() if name in services}
    if not versions:
        return {}
    overridden = entries.get(release.release_id, RollbackOverridden)
    if overridden is not None:
        return dict.fromkeys(versions, f"on a schema that it cannot run on: {overridden.reason}")
    from slipway.hooks.postgres.migrations import SchemaHook

    policy = release.policy
    hook = SchemaHook(policy.database("production").connection, answer_seconds=ANSWER_SECONDS)
    applied = hook.applied(identity_of(policy, "production"))
    migrations = read_migrations(migrations_directory(policy))
    for name, version in versions.items():
        require_readable(version, applied, migrations, who=f"rollback of {name} to version")
    return {}
