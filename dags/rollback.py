"""
### Rollback

Rolls back a release that is running, promoted or lost: its own run goes no further.

| Step | What happens |
|-|-|
| order_rollback | checks the request, shows what is done, puts the order on record; *Plan only* ends here |
| roll_back_traffic | every service back on what served when the release began |
| roll_back_feature_flags | the flags that the policy sets on a rollback |
| close_release | closes the release as rolled back; its services are free for the next one |
| keep_data | tiers *database* and *restore*: backs production's database up as it is |
| undo_migrations | tier *database*: asks a person, with the data that is lost; then runs the backward files |
| restore_whole | tier *full*: returns the services beside the release, then reads every service |
| restore_backup | tier *restore*: restores the release's backup to a new instance, which nothing uses yet |
| switch_services | tier *restore*: asks a person, with the data that it lacks; then switches to it |

The tier *traffic* changes traffic and flags; the schema stays as it is. The tier *database* also undoes the
release's migrations where their contract allows it; otherwise it is refused before anything moves. The tier
*restore* prepares the database of before the release, and switches the services to it once a person has
compared it and confirms. The tier
*full* is *database*; then every service with its image, configuration and secrets is compared with what
served when the release began, and services beside the release return to what was promoted last.

A promoted release can be rolled back within the policy's `migrations.rollback_window_seconds`. Where nothing
is left to do, the log of `order_rollback` says so, and the run is green.

Without Airflow: `python -m slipway rollback`, see `docs/break-glass.md`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from slipway.operators.ordered_rollback import OrderRollbackOperator
from slipway.release.rollback.form import rollback_form
from slipway.task_groups.rollback import rollback, rollback_of_database, whole

with DAG(
    "rollback",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    params=rollback_form(),
    max_active_runs=16,
    default_args={
        "owner": "release-managers",
        "retries": 3,
        "retry_delay": timedelta(seconds=5),
        "execution_timeout": timedelta(minutes=5),
    },
    tags=["slipway", "release"],
) as rollback_of_release:
    traffic, database, everything = rollback(), rollback_of_database(), whole()
    OrderRollbackOperator(task_id="order_rollback") >> traffic >> database >> everything
    traffic >> everything
