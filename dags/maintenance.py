"""
### Maintenance

Once a day: verifies the record of every release against its anchors, and anchors the end of every chain anew.
Then deletes the backups with their copies, the revisions and the reports that the policies of their releases
no longer keep (`retention`); without `delete: true` it only names them. From a record that is not as it was
written nothing is deleted.

A red `anchor_ledger` names each release whose record was changed, removed, cut off or added to;
`docs/audit.md` says what to do. `write_missing_reports` writes the reports that could not be written when
their releases ended.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from slipway.operators.maintenance import (
    AnchorLedgerOperator,
    DeleteOldBackupsOperator,
    DeleteOldReportsOperator,
    DeleteOldRevisionsOperator,
    WriteMissingReportsOperator,
)

with DAG(
    "maintenance",
    doc_md=__doc__,
    description="Verifies and anchors the record of every release; deletes what ended releases left",
    schedule="30 0 * * *",
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "release-managers",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=1),
    },
    tags=["slipway", "daily"],
):
    anchor_ledger = AnchorLedgerOperator(task_id="anchor_ledger")
    WriteMissingReportsOperator(task_id="write_missing_reports")
    anchor_ledger >> [
        DeleteOldBackupsOperator(task_id="delete_old_backups"),
        DeleteOldRevisionsOperator(task_id="delete_old_revisions"),
        DeleteOldReportsOperator(task_id="delete_old_reports"),
    ]
