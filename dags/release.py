"""
### Release

Releases a version of the platform to production, step by step, and rolls it back on evidence.

| Phase | What happens | Ends with |
|-|-|-|
| preflight | check the request, record the rollback target, lock the services | refused, or opened |
| 1 staging validation | deploy to staging, rehearse the rollback, test suites, load test | go or rollback |
| 2 production preparation | checks, approval; then backup, migration, configuration | go or rollback |
| 3 canary | the first share of the traffic, then a bake | go or rollback |
| 4 gradual increase | half of the traffic, then a bake | go or rollback |
| 5 full rollout | all of the traffic and the supporting services, then a bake | go or rollback |
| end | tag and close the promoted release; give the verdict of every release | promoted, or not |

Where production runs in several regions, a run is for one of them; `release_regions` runs this DAG region by
region. A later region skips phases 1 and 2, inherits their evidence, and judges it at the gate of phase 2.

Every number is in `include/policy/`. The run is green only for a promoted release; otherwise `verdict` is red
and says why in one line. The ledger and the audit lines of the task logs hold every step.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG
from slipway.operators.failures import record_failure
from slipway.release.form import release_form
from slipway.task_groups.end import end
from slipway.task_groups.phases import (
    canary,
    full_rollout,
    gradual_increase,
    production_preparation,
    staging_validation,
)
from slipway.task_groups.preflight import preflight
from slipway.task_groups.rollback import rollback

with DAG(
    "release",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    params=release_form(),
    max_active_runs=16,
    render_template_as_native_obj=True,
    default_args={
        "owner": "release-managers",
        "retries": 1,
        "retry_delay": timedelta(seconds=5),
        "execution_timeout": timedelta(minutes=15),
        "on_failure_callback": record_failure,
    },
    tags=["slipway", "release"],
):
    begin, services = preflight()
    phase_1 = staging_validation(services)
    phase_2 = production_preparation()
    phase_3 = canary(services)
    phase_4 = gradual_increase(services)
    phase_5 = full_rollout(services)
    undo = rollback()

    begin >> phase_1
    phase_1.go_or_rollback(phase_2, undo)
    phase_2.go_or_rollback(phase_3, undo)
    phase_3.go_or_rollback(phase_4, undo)
    phase_4.go_or_rollback(phase_5, undo)
    phase_5.go_or_rollback(end(after=phase_5, rollback=undo), undo)
