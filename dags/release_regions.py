"""
### Release region by region

Releases a version to one region of production after another, in the order of the policy. Each region gets a
run of `release`, named `<this run>--<region>`; this run waits for its end.

| Region | What happens |
|-|-|
| the first | all five phases |
| every later one | phases 3 to 5, by the evidence of phases 1 and 2 that the region before has on record |

The next region begins when the one before is promoted and the load balancer still leads to the services. A
region that is not promoted ends the row: the run is red and says why. Earlier regions keep the version; the
log, the ledger and the message to the team have the commands that give their traffic back.

To go on later, trigger this DAG with the same version and with the region to begin with.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from slipway.operators.regions import ReleaseRegionsOperator
from slipway.release.form import regions_form

with DAG(
    "release_regions",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    params=regions_form(),
    max_active_runs=16,
    default_args={"owner": "release-managers"},
    tags=["slipway", "release"],
) as release_regions:
    ReleaseRegionsOperator(
        task_id="release_each_region",
        release_dag_id="release",
        retries=5,
        retry_delay=timedelta(seconds=5),
        # The runs of `release` have their own deadlines; this bound is for a task that lost its trigger.
        execution_timeout=timedelta(days=30),
    )
