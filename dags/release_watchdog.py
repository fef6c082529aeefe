"""
### Release watchdog

Once a minute: looks after the releases that nothing else looks after.

| Found | Done |
|-|-|
| an open release whose run is gone or has ended | rolled back and closed; the team is notified |
| an open release whose lock ran out: its run is stuck | the same |
| a rolled-back release that serves again | the recorded split is restored; the team is notified |
| another split than the one a release ended with | the team is notified, with the author and the moment |
| a promoted release over a rollback trigger | the team is notified, or its traffic is rolled back |
| a message that no channel took, or an end that nobody announced within 10 minutes | it is sent |
| a rollback whose metrics are in | what serves again is checked by them; unhealthy, the team is notified |

`watchdog` in the policy says which of these it does by itself. The first run after an
outage of Airflow acts at once. A red run names the release and what is in the way; the next run tries again.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from slipway.operators.watchdog import CheckReleasesOperator

with DAG(
    "release_watchdog",
    doc_md=__doc__,
    description="Ends the safe way what lost its run, and notices what changes after a release",
    schedule=timedelta(minutes=1),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "release-managers",
        "retries": 0,
        "execution_timeout": timedelta(minutes=10),
    },
    tags=["slipway", "release"],
):
    check_releases = CheckReleasesOperator(task_id="check_releases")
