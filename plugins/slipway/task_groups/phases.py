"""The five phases of the deployment strategy.

Every phase ends in a gate. The gate leads to the next phase, or to the phase's ``start_rollback``, which
leads to the rollback group. ``start_rollback`` also runs when the gate could not (``none_skipped``: the gate
or a task before it failed), and is skipped when the gate was, because an earlier phase started the rollback.

A task with nothing to do is skipped, and says why in its log. What comes after it runs all the same
(``UNLESS_LEFT_OUT``): upstream of it is also a task that is only skipped when all of the phase is left out.

What is done to each service is mapped over them: one row a service, and one that fails is tried again alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self, get_args

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TaskGroup, TriggerRule, XComArg, chain
from airflow.sdk.definitions.mappedoperator import MappedOperator

from slipway.operators.approval import ApproveProductionOperator
from slipway.operators.backup import BackUpDatabaseOperator, RehearseMigrationsOperator
from slipway.operators.canary_gate import ApproveCanaryOperator
from slipway.operators.checklist import ChecklistItemOperator
from slipway.operators.configuration import WriteConfigurationOperator
from slipway.operators.database import (
    CheckDatabaseOperator,
    MigrateSchemaOperator,
)
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.gates import (
    GO_OR_ROLLBACK,
    START_ROLLBACK,
    BakeGateOperator,
    GateOperator,
    PreparationGateOperator,
    StagingGateOperator,
)
from slipway.operators.metrics import CheckDetectionPowerOperator
from slipway.operators.planned_changes import PlanChangesOperator
from slipway.operators.rollback_drill import RehearseRollbackOperator
from slipway.operators.staging_tests import LoadTestOperator, TestSuiteOperator
from slipway.operators.traffic import ServeStagingOperator, ShiftTrafficOperator
from slipway.operators.warm_up import WarmUpOperator
from slipway.policy.release import EnvironmentName, PhaseName
from slipway.policy.staging import SuiteName
from slipway.sensors.bake import BakeSensor
from slipway.task_groups.checklist import pre_deployment_checklist

UNLESS_LEFT_OUT = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
SUITES: Sequence[SuiteName] = get_args(SuiteName)


class Phase(TaskGroup):
    """A phase that ends in a gate."""

    def __enter__(self) -> Self:
        """Return the phase, as what it is."""
        super().__enter__()
        return self

    def go_or_rollback(self, go: TaskGroup, rollback: TaskGroup) -> None:
        """Lead the phase's gate to what follows a promoted phase, and to the rollback.

        :param go: the next phase, or what follows the last one.
        :param rollback: the rollback group.
        """
        self[GO_OR_ROLLBACK] >> list(go.get_roots())
        self[START_ROLLBACK] >> rollback


def staging_validation(services: XComArg, *, group_id: str = "phase_1_staging_validation") -> Phase:
    """Phase 1: deploy to staging, rehearse its rollback, run the test suites and the load test.

    :param services: keys of the release's services, to map over.
    :param group_id: name of the group in the graph.
    """
    with Phase(group_id, tooltip="Phase 1: validate in staging") as group:
        # A later region's release is skipped from here to the gate of phase 2, which judges what it inherits.
        configure = WriteConfigurationOperator(task_id="write_configuration", environment="staging")
        migrate = MigrateSchemaOperator(task_id="migrate_schema", environment="staging")
        # The keys of the services are upstream of it, and never skipped.
        deploy = _deploy("staging", services, trigger_rule=UNLESS_LEFT_OUT)
        rehearse = RehearseRollbackOperator(task_id="rehearse_rollback")
        serve = ServeStagingOperator(task_id="serve_staging")
        suites = [
            TestSuiteOperator(task_id=f"run_{suite}_tests", suite=suite, execution_timeout=timedelta(hours=1))
            for suite in SUITES
        ]
        # An inconclusive load test is run again.
        load = LoadTestOperator(
            task_id="load_test", execution_timeout=timedelta(hours=3), trigger_rule=UNLESS_LEFT_OUT
        )
        gate = _gate(StagingGateOperator, "staging", trigger_rule=UNLESS_LEFT_OUT)
        [configure, migrate] >> deploy >> rehearse >> serve >> suites
        [serve, *suites] >> load
        # The gate is reached without staging, too, and says so.
        [services, load] >> gate
    return group


def production_preparation(*, group_id: str = "phase_2_production_preparation") -> Phase:
    """Phase 2: checks and questions first, then what changes production.

    Up to the approval nothing of production changes. After a no the rest is skipped, and the gate starts the
    rollback of a release that has changed nothing.

    :param group_id: name of the group in the graph.
    """
    with Phase(group_id, tooltip="Phase 2: ask first, then prepare production") as group:
        check = CheckDatabaseOperator(
            task_id="check_database",
            environment="production",
            # A long transaction is given time to end.
            retries=3,
            retry_delay=timedelta(seconds=30),
        )
        plan = PlanChangesOperator(task_id="plan_changes", environment="production")
        checklist = pre_deployment_checklist(trigger_rule=UNLESS_LEFT_OUT)
        approve = ApproveProductionOperator(task_id="approve", trigger_rule=UNLESS_LEFT_OUT)
        back_up = BackUpDatabaseOperator(
            task_id="back_up_database",
            environment="production",
            execution_timeout=timedelta(hours=1),
            trigger_rule=UNLESS_LEFT_OUT,
        )
        rehearse = RehearseMigrationsOperator(
            task_id="rehearse_migrations",
            environment="production",
            execution_timeout=timedelta(hours=2),
            trigger_rule=UNLESS_LEFT_OUT,
        )
        migrate = MigrateSchemaOperator(
            task_id="migrate_schema",
            environment="production",
            execution_timeout=timedelta(hours=2),
            trigger_rule=UNLESS_LEFT_OUT,
        )
        configure = WriteConfigurationOperator(
            task_id="write_configuration", environment="production", trigger_rule=UNLESS_LEFT_OUT
        )
        verify = ChecklistItemOperator(
            task_id="check_configuration",
            item="production_configuration",
            execution_timeout=timedelta(minutes=5),
            trigger_rule=UNLESS_LEFT_OUT,
        )
        gate = _gate(
            PreparationGateOperator,
            "preparation",
            # Also when phases 1 and 2 were skipped, because their evidence is inherited, and when the answer
            # was no.
            trigger_rule=TriggerRule.NONE_FAILED,
        )
        changing = [back_up, rehearse, migrate, configure, verify]
        [check, plan] >> checklist
        [plan, checklist] >> approve
        # A no skips what is directly after it; the plan is there also where nobody is asked.
        plan >> changing
        approve >> changing
        chain(*changing, gate)
    return group


def canary(services: XComArg, *, group_id: str = "phase_3_canary") -> Phase:
    """Phase 3: deploy without traffic, give the new revision its first share of the traffic, bake.

    :param services: keys of the release's services, to map over.
    :param group_id: name of the group in the graph.
    """
    with Phase(group_id, tooltip="Phase 3: canary") as group:
        approve = ApproveCanaryOperator(task_id="approve", trigger_rule=UNLESS_LEFT_OUT)
        shift = _shift("canary")
        checks = [_warm_up("canary", services), _check_detection_power("canary")]
        _deploy("production", services) >> checks[0]
        checks >> approve >> shift
        checks >> shift
        _bake_and_judge("canary", shift)
    return group


def gradual_increase(services: XComArg, *, group_id: str = "phase_4_gradual_increase") -> Phase:
    """Phase 4: half of the traffic, then a bake.

    :param services: keys of the release's services, to map over.
    :param group_id: name of the group in the graph.
    """
    with Phase(group_id, tooltip="Phase 4: half of the traffic") as group:
        shift = _shift("half")
        [_check_detection_power("half"), _warm_up("half", services)] >> shift
        _bake_and_judge("half", shift)
    return group


def full_rollout(services: XComArg, *, group_id: str = "phase_5_full_rollout") -> Phase:
    """Phase 5: all of the traffic, then the supporting services, then a bake.

    :param services: keys of the release's services, to map over.
    :param group_id: name of the group in the graph.
    """
    with Phase(group_id, tooltip="Phase 5: all of the traffic") as group:
        shift = _shift("full")
        supporting = ShiftTrafficOperator.partial(
            task_id="shift_supporting_services",
            phase="full",
            progressive=False,
            map_index_template="{{ task.service }}",
        ).expand(service=services)
        # The row of the service that has moved already is skipped.
        bake = _bake("full", trigger_rule=UNLESS_LEFT_OUT)
        [_check_detection_power("full"), _warm_up("full", services)] >> shift >> supporting
        [shift, supporting] >> bake >> _gate(BakeGateOperator, "full")
    return group


def _deploy(environment: EnvironmentName, services: XComArg, **arguments: Any) -> MappedOperator:
    return DeployRevisionsOperator.partial(
        task_id="deploy_revisions",
        environment=environment,
        map_index_template="{{ task.service }}",
        **arguments,
    ).expand(service=services)


def _warm_up(phase: PhaseName, services: XComArg) -> MappedOperator:
    return WarmUpOperator.partial(
        task_id="warm_up", phase=phase, map_index_template="{{ task.service }}"
    ).expand(service=services)


def _shift(phase: PhaseName) -> ShiftTrafficOperator:
    return ShiftTrafficOperator(task_id="shift_traffic", phase=phase, trigger_rule=UNLESS_LEFT_OUT)


def _check_detection_power(phase: PhaseName) -> CheckDetectionPowerOperator:
    return CheckDetectionPowerOperator(
        task_id="check_detection_power", phase=phase, execution_timeout=timedelta(minutes=5)
    )


def _bake(phase: PhaseName, **arguments: Any) -> BakeSensor:
    # The bake ends at the policy's deadline; this bound is only for a task that lost its trigger.
    return BakeSensor(task_id="bake", phase=phase, execution_timeout=timedelta(days=7), **arguments)


def _bake_and_judge(phase: PhaseName, shift: ShiftTrafficOperator) -> None:
    gate = _gate(BakeGateOperator, phase, trigger_rule=UNLESS_LEFT_OUT)
    shift >> _bake(phase) >> gate
    shift >> gate


def _gate(gate: type[GateOperator], phase: str, **arguments: Any) -> GateOperator:
    made = gate(task_id=GO_OR_ROLLBACK, phase=phase, **arguments)
    made >> EmptyOperator(task_id=START_ROLLBACK, trigger_rule=TriggerRule.NONE_SKIPPED)
    return made
