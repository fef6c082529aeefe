"""
### Release

Releases a version of the platform to production, step by step, and rolls it back on evidence.

| Phase | What happens | Ends with |
|-|-|-|
| preflight | the request is checked, the way back is recorded, the services are leased | refused, or opened |
| 1 staging validation | deploy to staging, a rehearsed rollback, test suites, load test | go or rollback |
| 2 production preparation | configuration, backup, migration, checklist, approval | go or rollback |
| 3 canary | the first share of the traffic, watched | go or rollback |
| 4 gradual increase | half of the traffic, watched | go or rollback |
| 5 full rollout | all of the traffic and the supporting services, watched; the release tag | promoted |

Where the policy names several regions, a run is for one of them. A promoted one begins the run of the next,
which takes the evidence of phases 1 and 2 over; one that is not promoted begins none.

The numbers are in `include/policy/`. The run is green only for a promoted release; otherwise `verdict` is red
and says why in one line. What happened is in the ledger and in the audit lines of the task logs.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Param, TriggerRule
from slipway.assets import RELEASE_PROMOTED
from slipway.ledger.plan import VERSION_PATTERN
from slipway.operators.base import ReconcileReleaseOperator, VerdictOperator
from slipway.operators.closing import ClosePromotedOperator
from slipway.policy.files import policy_names
from slipway.task_groups.phases import (
    canary,
    full_rollout,
    gradual_increase,
    production_preparation,
    staging_validation,
    tag_release,
)
from slipway.task_groups.preflight import preflight
from slipway.task_groups.regions import begin_production, later_region, next_region, report_regions
from slipway.task_groups.rollback import rollback

PARAMS = {
    "version": Param(
        type="string",
        pattern=VERSION_PATTERN,
        title="Version",
        description="The image tag to release, such as 1.4.2",
    ),
    "policy": Param(
        os.environ.get("SLIPWAY_POLICY", "release.yaml"),
        type="string",
        enum=policy_names(),
        title="Policy",
        description="The file in include/policy that the release is judged by",
    ),
    "reason": Param(
        None, type=["null", "string"], maxLength=500, title="Reason", description="Why now; kept on record"
    ),
    "services": Param(
        None,
        type=["null", "array"],
        items={"type": "string"},
        title="Services",
        description="Leave empty for all",
        section="Exceptions",
    ),
    "images": Param(
        None,
        type=["null", "object"],
        title="Images",
        description="Service to image reference, instead of the policy's image with the version as its tag",
        section="Exceptions",
    ),
    "region": Param(
        None,
        type=["null", "string"],
        title="Region",
        description="Leave empty for the first of the policy's regions; the others follow by themselves",
        section="Exceptions",
    ),
    "follows": Param(
        None,
        type=["null", "string"],
        title="Follows",
        description="Release to the region before, whose evidence is taken over; empty: its newest promotion",
        section="Exceptions",
    ),
    "stable_is_broken": Param(
        False,
        type="boolean",
        title="What serves now is broken",
        description="Judge the new version on its own, and do without a sound way back; say why under Reason",
        section="Exceptions",
    ),
    "canary_percent": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        maximum=49,
        title="Canary percent",
        description="Another share of traffic for the canary phase, 1 to 49",
        section="Exceptions",
    ),
}

with DAG(
    "release",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    params=PARAMS,
    max_active_runs=16,
    render_template_as_native_obj=True,
    default_args={
        "owner": "release-managers",
        "retries": 1,
        "retry_delay": timedelta(seconds=5),
        "execution_timeout": timedelta(minutes=15),
    },
    tags=["slipway", "release"],
):
    begin, services = preflight(
        first=["phase_1_staging_validation.write_configuration", "phase_1_staging_validation.migrate_schema"],
        later="later_region.go_or_rollback",
    )
    phase_1 = staging_validation(
        group_id="phase_1_staging_validation",
        services=services,
        then=[
            "phase_2_production_preparation.write_configuration",
            "phase_2_production_preparation.back_up_database",
            "phase_2_production_preparation.check_database",
        ],
    )
    phase_2 = production_preparation(
        group_id="phase_2_production_preparation",
        then=["begin_production"],
    )
    later = later_region(group_id="later_region", then="begin_production")
    production = begin_production()
    phase_3 = canary(
        group_id="phase_3_canary",
        services=services,
        then=["phase_4_gradual_increase.check_detection_power", "phase_4_gradual_increase.warm_up"],
    )
    phase_4 = gradual_increase(
        group_id="phase_4_gradual_increase",
        services=services,
        then=["phase_5_full_rollout.check_detection_power", "phase_5_full_rollout.warm_up"],
    )
    phase_5 = full_rollout(group_id="phase_5_full_rollout", services=services, then=["tag_release"])
    tag = tag_release()
    promote = ClosePromotedOperator(task_id="close_promoted", retries=3, outlets=[RELEASE_PROMOTED])
    undo = rollback(group_id="rollback")
    regions = report_regions()
    following = next_region()
    verdict = VerdictOperator(task_id="verdict", trigger_rule=TriggerRule.ALL_DONE, retries=0)
    reconcile = ReconcileReleaseOperator(task_id="reconcile", retries=5).as_teardown()

    begin >> [phase_1, later]
    for phase, then in ((phase_1, phase_2), (phase_3, phase_4), (phase_4, phase_5)):
        phase["go_or_rollback"] >> list(then.get_roots())
    [phase_2["go_or_rollback"], later["go_or_rollback"]] >> production >> phase_3
    phase_5["go_or_rollback"] >> tag >> promote
    [phase["start_rollback"] for phase in (phase_1, phase_2, later, phase_3, phase_4, phase_5)] >> undo
    [promote, undo] >> regions >> verdict
    promote >> following
    [promote, undo] >> reconcile
