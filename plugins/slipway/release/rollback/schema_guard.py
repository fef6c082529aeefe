"""Whether what served before can still run on the schema: asked before traffic goes back to it.

A release itself never strands its way back. But a contract step may have been applied by somebody else
meanwhile; then the old version would fail where the new one only does badly, and going back is no way out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from slipway.exceptions import SchemaContractBroken
from slipway.release.schema import identity_of, migrations_directory
from slipway.schema.contract import read_migrations
from slipway.schema.plan import require_readable

if TYPE_CHECKING:
    from slipway.ledger.ledger import Ledger, Release

OVERRIDDEN = "rollback_overridden/schema"
ANSWER_SECONDS = 5
_log = logging.getLogger(__name__)


def require_readable_targets(release: Release, services: Sequence[str], ledger: Ledger) -> Mapping[str, str]:
    """Make sure that the versions which traffic would go back to can run on production's schema as it is.

    The safe direction stays the rollback: when the schema cannot be read within a few seconds, the traffic
    goes back unchecked. A person's answer, on record as ``rollback_overridden/schema``, is followed too.

    :param services: names of the production services whose traffic would move.
    :return: by service, why it was not checked.
    :raises SchemaContractBroken: naming the version, the migrations in its way, and the ways forward.
    """
    try:
        return _check(release, services, ledger)
    except SchemaContractBroken:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it must not keep the traffic where it is
        _log.exception("whether the schema can be gone back to on is not known; going back")
        why = " ".join(str(error).split())
        return dict.fromkeys(services, f"the schema could not be read: {type(error).__name__}: {why}")


def _check(release: Release, services: Sequence[str], ledger: Ledger) -> Mapping[str, str]:
    opened = ledger.entry(release.release_id, "opened") or {}
    versions = {name: text for name, text in opened.get("versions", {}).items() if name in services}
    if not versions:
        return {}
    overridden = ledger.entry(release.release_id, OVERRIDDEN)
    if overridden is not None:
        return dict.fromkeys(versions, f"on a schema that it cannot run on: {overridden['reason']}")
    from slipway.hooks.postgres.migrations import SchemaHook

    policy = release.policy
    hook = SchemaHook(policy.environments["production"].database.connection, answer_seconds=ANSWER_SECONDS)
    applied = hook.applied(identity_of(policy, "production"))
    migrations = read_migrations(migrations_directory(policy))
    for name, version in versions.items():
        require_readable(version, applied, migrations, who=f"rollback of {name} to version")
    return {}
