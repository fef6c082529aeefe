"""What people did to a release's run in Airflow, as its audit log has it."""

from __future__ import annotations

import logging

from slipway.exceptions import AuditLogUnavailable
from slipway.ledger.entries import RunActed, RunChangedByHand
from slipway.ledger.plan import RELEASE_DAG

log = logging.getLogger(__name__)


def read_acts(run_id: str) -> RunChangedByHand | None:
    """Return who marked, cleared or deleted a run; None when nobody did, or the audit log cannot be read.

    An audit log that cannot be read is logged: it must not keep a release from its end.

    :param run_id: the run of the release.
    """
    from slipway.hooks.airflow_audit import AirflowAuditHook

    try:
        acts = AirflowAuditHook().acts_on_run(RELEASE_DAG, run_id)
    except AuditLogUnavailable as error:
        log.warning("Cannot name who acted on the run: %s", error)
        return None
    if not acts:
        return None
    return RunChangedByHand(acts=tuple(RunActed(at=act.at, user=act.user, what=act.what) for act in acts))
