"""One entry of every kind, as a release leaves them on record."""

from __future__ import annotations

from datetime import UTC, datetime

from slipway.analysis.infrastructure import InfrastructureLine
from slipway.analysis.load_report import (
    EndpointReport,
    GeneratorReport,
    InstanceMemory,
    IntervalReport,
    MemoryReport,
    WebSocketReport,
)
from slipway.analysis.verdict import Finding, Verdict
from slipway.ledger.entries import (
    AnswerRefused,
    ApprovalDecided,
    BackfillProgressed,
    BackupCopiesDeleted,
    BackupCopy,
    BackupDeleted,
    BackupRestored,
    BakeAnswered,
    Brake,
    ChangeSettled,
    ChangesPlanned,
    ChecklistItemChecked,
    ConfigurationChange,
    ConfigurationWritten,
    DatabaseBackedUp,
    DatabaseChecked,
    DatabaseRollbackConfirmed,
    DatabaseRolledBack,
    DatabaseSwitchConfirmed,
    DatabaseSwitched,
    DataKept,
    DeploymentChecked,
    DeploymentLine,
    DetectionPowerForecast,
    DriftFound,
    EvidenceRecorded,
    FlagsRolledBack,
    FullyRestored,
    GateDecided,
    HealthVerified,
    IncidentReported,
    IncidentStep,
    InfrastructureChecked,
    LateRegressionFound,
    LedgerEntry,
    LeftOut,
    LoadTested,
    MetricPower,
    MigrationsRehearsed,
    NextRegionStarted,
    Person,
    PhaseBaked,
    PromotionRolledBack,
    RegionsReported,
    ReleaseClosed,
    ReleaseLost,
    ReleaseOpened,
    ReleaseReconciled,
    ReleaseTagged,
    ReportDeleted,
    ReportWritten,
    RevisionDeleted,
    RevisionDeployed,
    RevisionWarmedUp,
    RollbackOrdered,
    RollbackOverridden,
    RollbackRefused,
    RollbackRehearsed,
    RunActed,
    RunChangedByHand,
    SampledRange,
    SchemaMigrated,
    ServedDocument,
    ServiceChangedAfterEnd,
    ServiceReleased,
    ServicesLocked,
    ServicesReleased,
    ServiceState,
    SplitChange,
    StagingServed,
    StagingStableRecorded,
    SuiteRun,
    TargetRecord,
    TaskFailed,
    TeamNotified,
    TeamNotReached,
    TemplateChange,
    TrafficRestored,
    TrafficRestoredAgain,
    TrafficShifted,
    TrafficVerified,
)

AT = datetime(2026, 3, 2, 10, 0, 7, tzinfo=UTC)
WEB, OLD, NEW = "netra-backend-prod", "netra-backend-prod-v1-1-0-5e4983", "netra-backend-prod-v1-2-0-e7d5c3"
FLAG = ConfigurationChange(document="feature-flags", key="token_optimization", before="false", after="true")
STATE = ServiceState(
    etag='"abc"',
    generation=2,
    modified_by="ada",
    modified_at="2026-03-02 09:00:00 UTC",
    template={"env TOKEN_OPTIMIZATION_ENABLED": "ab8e18ef", "secret AUTH_KEY": "auth-key:1"},
    traffic={OLD: 100},
    tags={},
)
TEN = SplitChange(before={OLD: 100}, after={OLD: 90, NEW: 10}, percent=10)
BACK = SplitChange(before={OLD: 90, NEW: 10}, after={OLD: 100, NEW: 0})
ERRORS = Finding("error_rate", Verdict.ROLLBACK, "Error rate over the trigger: 5 % of 60 requests", 5.0, 60)
JO = Person(id="2", name="jo")

SAMPLES: tuple[LedgerEntry, ...] = (
    ReleaseOpened(
        actor="ada",
        reason="the spring sale",
        rolled_back_before="release v1-2-0-abc123, ended at 2026-03-01 09:00:00 UTC: canary: 5 % errors",
        configuration={"feature-flags": ServedDocument(mounted="2", in_force="3")},
        left_out={
            WEB: LeftOut(
                revision="netra-backend-prod-00007-abc",
                by="eve@example.com",
                at=AT,
                changes=(TemplateChange(field="env BY_HAND", after="ab8e18ef"),),
            )
        },
        stable={WEB: {OLD: 100}},
        targets={WEB: TargetRecord(service=WEB, revision=OLD, mounted={"AUTH_KEY": "auth-key:1"})},
        states={WEB: STATE, "netra-auth-prod": None},
        versions={WEB: "1.1.0"},
    ),
    InfrastructureChecked(
        lines=(
            InfrastructureLine("clickhouse", "slipway_clickhouse", "sound", "vm: 28 % of the disk free"),
            InfrastructureLine(
                "cloud_sql", "netra-production-db", "degraded", "RUNNABLE, ZONAL", "has no standby (ZONAL)"
            ),
        )
    ),
    ServicesLocked(until=AT, taken_over={WEB: "release v9 until 09:00"}),
    ConfigurationWritten(
        environment="production",
        versions={"feature-flags": 2},
        serving={"feature-flags": "1"},
        changes=(FLAG,),
    ),
    DatabaseChecked(
        environment="production",
        linted=True,
        due=("0001_token_usage_tracking",),
        tables=("users",),
        disk_bytes=10 * 2**30,
        used_bytes=58_141_817,
        required_bytes=2 * 2**30,
    ),
    ChangesPlanned(
        environment="production",
        revisions={WEB: (TemplateChange(field="image", before="host/b@sha256:1", after="host/b@sha256:0"),)},
        configuration=(FLAG,),
        migrations=("0001_token_usage_tracking",),
        held={"0002_drop": "waits for 1.2.0"},
    ),
    DatabaseBackedUp(
        environment="production",
        instance="netra-production-db",
        backup="1",
        ranges=(SampledRange(table="users", key="id", start="1", end="9"),),
        rows_before={"users": 400},
        rows_after={"users": 401},
        copies=(
            BackupCopy(
                uri="gs://netra-production-backups/releases/v1/1/netra.sql.gz",
                generation="1785000000000000",
                size_bytes=4096,
                crc32c="aWE2wQ==",
                read_back=True,
                kept_until=datetime(2026, 8, 1, tzinfo=UTC),
            ),
        ),
    ),
    MigrationsRehearsed(
        environment="production",
        backup="1",
        instance="netra-rehearsal-db",
        rows={"users": 400},
        rehearsed=("0001_token_usage_tracking",),
        seconds=0.873,
    ),
    BackfillProgressed(environment="production", migration="0003_backfill", percent=25, rows=25, total=100),
    SchemaMigrated(
        environment="production",
        applied=("0001_token_usage_tracking",),
        present={"0001_token_usage_tracking": ">=1.0.0"},
        held={"0002_drop": "waits for 1.2.0"},
    ),
    RevisionDeployed(
        environment="production",
        component="backend",
        service=WEB,
        revision=NEW,
        image="host/backend@sha256:0",
        base=OLD,
        changes=(
            TemplateChange(field="env MODE", before="1a2b3c4d"),
            TemplateChange(field="secret FEATURE_FLAGS", before="prod-flags:1", after="prod-flags:2"),
        ),
        states={WEB: STATE},
    ),
    StagingStableRecorded(service="netra-backend-staging", split={"netra-backend-staging-00001-abc": 100}),
    RollbackRehearsed(
        passed=True,
        service=WEB,
        seconds=3.77,
        limit_seconds=300,
        before={OLD: 100},
        reason="all traffic back",
    ),
    StagingServed(urls={"backend": "http://127.0.0.1:1"}),
    SuiteRun(
        suite="e2e",
        tests=10,
        passed=8,
        failed=("test_a",),
        skipped=("test_b",),
        flaky=("test_a",),
        compared_with="backend-1.1.0-1",
        newly_failing=("test_a",),
    ),
    LoadTested(
        users=150,
        duration_seconds=95,
        requests=1053,
        failures=3,
        failure_rate=0.003,
        latency_p50_ms=10.1,
        latency_p95_ms=235.9,
        cost_reduction_percent=21.2149701409,
        cost_accuracy_percent=100,
        websocket=WebSocketReport(connects=1, connect_failures=0, events=8, lost=0, latency_p95_ms=28.8),
        memory=MemoryReport(
            instances=(
                InstanceMemory(
                    started_at=1767225600.0, at_seconds=(0.0, 5.0), resident_bytes=(124_268_544, 124_661_760)
                ),
            )
        ),
        endpoints={"/v1/token": EndpointReport(requests=50, failures=3, latency_p95_ms=12.5)},
        failure_reasons={"/v1/token: the answer holds no token": 3},
        generator=GeneratorReport(
            peak_users=150,
            full_load_seconds=92,
            least_requests_of_a_user=6,
            cpu_percent=41.5,
            lateness_p95_ms=3.2,
        ),
        timeline=(
            IntervalReport(
                at_seconds=0,
                users=150,
                requests_per_second=99.5,
                failures=0,
                latency_p95_ms=20.5,
                event_latency_p95_ms=8.5,
            ),
        ),
    ),
    DeploymentChecked(
        lines=(DeploymentLine(part="post", title="All services healthy", passed=True, reason="ready"),)
    ),
    ChecklistItemChecked(
        item="dashboards",
        title="Monitoring dashboards configured",
        passed=True,
        reason="3",
        evidence={"n": 3},
    ),
    AnswerRefused(question="production", reason="ada answered 'Approve', which does not count", user=JO),
    ApprovalDecided(approved=True, reason="jo answered 'Approve'", user=JO),
    DetectionPowerForecast(
        phase="canary",
        action="start",
        reason="detects 2 %",
        seconds=40,
        events_per_second={"error_rate": 11.9},
        detection_power=(
            MetricPower(
                metric="error_rate", events=478, smallest_percent=2, seconds_needed=31.6, sees_trigger=True
            ),
        ),
    ),
    RevisionWarmedUp(
        phase="canary", component="backend", service=WEB, verdict=Verdict.PROMOTE, reason="4 tests", tests=4
    ),
    TrafficShifted(phase="canary", at=AT, changes={WEB: TEN}, states={WEB: STATE}),
    TrafficVerified(
        phase="canary", service=WEB, verdict=Verdict.PROMOTE, reason="it is served", counts={OLD: 90, NEW: 9}
    ),
    DriftFound(phase="phase_3_canary.shift_traffic", service=WEB, reason="changed by bob"),
    EvidenceRecorded(
        phase="canary", metrics=("error_rate",), looks=((0.0, [[1], [9]]), (1.0, "no answer")), method=2
    ),
    PhaseBaked(
        phase="canary",
        verdict=Verdict.ROLLBACK,
        reason=ERRORS.reason,
        findings=(ERRORS,),
        seconds=4,
        decided_at=AT,
        brake=Brake(at=AT, changes={WEB: BACK}),
    ),
    ChangeSettled(phase="canary", action="restore", states={WEB: STATE}),
    BakeAnswered(phase="canary", reason="jo answered 'Bake on'", user=JO, bake_on=True, at=AT),
    GateDecided(phase="canary", verdict=Verdict.ROLLBACK, reason=ERRORS.reason, findings=(ERRORS,)),
    RollbackOrdered(tier="traffic", actor="jo", reason="wrong prices", source="DAG rollback"),
    RollbackRefused(reason="1.1.0 cannot run on the schema", seconds=1800),
    RollbackOverridden(reason="jo: the new one loses data", user=JO),
    TrafficRestored(reason=ERRORS.reason, changes={WEB: BACK}),
    TrafficRestoredAgain(reason=ERRORS.reason, changes={WEB: BACK}),
    ReleaseReconciled(reason="a task failed", changes={WEB: BACK}),
    FlagsRolledBack(
        environment="production",
        versions={"feature-flags": 3},
        changes=(FLAG,),
        switched_off=("feature-flags token_optimization",),
        serving_follows={"feature-flags": False},
    ),
    DataKept(run="manual__1", instance="netra-production-db", backup="1760000000001"),
    DatabaseRollbackConfirmed(
        migrations=("0014_tokens_saved",),
        lost={"column tokens_saved of token_usage_tracking": 1200},
        backup="1760000000001",
        user=JO,
    ),
    DatabaseRolledBack(
        undone=("0014_tokens_saved",),
        lost={"column tokens_saved of token_usage_tracking": 1200},
        backup="1760000000001",
    ),
    BackupRestored(
        backup="1750000000001",
        source="netra-production-db",
        instance="netra-production-db-v1-2-0-e7d5c3",
        connection_name="netra-production:us-central1:netra-production-db-v1-2-0-e7d5c3",
        addresses=("10.0.0.7",),
        kept_in="1760000000001",
        written_since={"users": 12},
    ),
    DatabaseSwitchConfirmed(
        instance="netra-production-db-v1-2-0-e7d5c3",
        lost={"users": 12},
        backup="1760000000001",
        user=JO,
        reason="compared, and sound",
    ),
    DatabaseSwitched(
        reason="switched to netra-production-db-v1-2-0-e7d5c3",
        changes={WEB: SplitChange(before={OLD: 100}, after={f"{WEB}-restored-e7d5c3": 100})},
        source="netra-production-db",
        instance="netra-production-db-v1-2-0-e7d5c3",
        connection="netra_production_db",
    ),
    FullyRestored(
        changes={"netra-auth-prod": BACK},
        serving={WEB: TargetRecord(service=WEB, revision=OLD, mounted={"TOKEN_CONFIG": "prod-config:3"})},
        wrong=(f"{WEB}: digest is b, was a",),
    ),
    ReleaseTagged(tag="prod-v1.2.0", commit="2f4fdeefa453872731d827b19a2e37a63711f101"),
    ReleaseClosed(outcome="promoted", reason="every phase was promoted"),
    PromotionRolledBack(reason="ordered by jo: wrong prices"),
    ServicesReleased(services={WEB: ServiceReleased(tags={}, lease_freed=True)}),
    IncidentReported(
        reason=ERRORS.reason,
        revisions={WEB: NEW},
        most_percent={WEB: 10},
        began_at=AT,
        ended_at=AT,
        evidence=(f"canary: {ERRORS.reason}",),
        timeline=(IncidentStep(at=AT, what=f"{WEB}: 1.2.0 10 % (phase canary)"),),
        requests=230,
        users=12,
        sessions=15,
    ),
    HealthVerified(
        service=WEB,
        revision=OLD,
        healthy=True,
        lines=("Error rate: 0.00% bad of 1200 requests (trigger 1.00%)",),
        began_at=AT,
        ended_at=AT,
    ),
    ReportWritten(
        page="file:///reports/v1-2-0-r.html",
        data="file:///reports/v1-2-0-r.json",
        page_sha256="0" * 64,
        data_sha256="1" * 64,
        met=11,
        criteria=12,
    ),
    RegionsReported(
        region="us-central1",
        outcome="promoted",
        serving={"us-central1": {WEB: {NEW: {"percent": 100, "version": "1.2.0"}}}},
        notified="not needed",
    ),
    NextRegionStarted(region="europe-west1", run="run--europe-west1", conf={"version": "1.2.0"}),
    BackupDeleted(environment="production", instance="db", backup="17", ended_days_ago=120, kept_days=90),
    BackupCopiesDeleted(
        environment="production", uris=("gs://backups/r/17/netra.sql.gz",), ended_days_ago=120, kept_days=90
    ),
    RevisionDeleted(environment="production", service=WEB, revision=NEW, ended_days_ago=120, kept_days=90),
    ReportDeleted(
        edition=1, page="gs://reports/r.html", data="gs://reports/r.json", ended_days_ago=800, kept_days=730
    ),
    TaskFailed(failed="phase_3_canary.warm_up", reason="revision web-new: not ready in 300 s"),
    RunChangedByHand(acts=(RunActed(at=AT, user="ada", what="marked the run as failed"),)),
    ReleaseLost(reason="its run is gone", action="roll_back"),
    LateRegressionFound(
        service=WEB,
        revision=NEW,
        lines=("Error rate: 5.00% bad of 3000 requests (trigger 1.00%)",),
        began_at=AT,
        ended_at=AT,
        action="notify",
    ),
    ServiceChangedAfterEnd(
        service=WEB,
        generation=7,
        recorded={"web-old": 100},
        serving={"web-old": 40, "web-new": 60},
        author="ada@example.com at 2026-03-02 10:00:00 UTC",
        restored=True,
    ),
    TeamNotified(event="outcome", subject="Release 1.2.0: rolled back", connection="slipway_team"),
    TeamNotReached(
        event="outcome",
        subject="Release 1.2.0: rolled back",
        message="Requested by ada. 5 % errors.",
        connection="slipway_team",
        reason="a channel did not take the message",
    ),
)


def proven(suites: list[str]) -> list[LedgerEntry]:
    """Return what a release to the first region leaves to the next one: every gate promoted.

    :param suites: the policy's test suites.
    """
    inherited = [entry for entry in SAMPLES if entry.is_inherited and not isinstance(entry, SuiteRun)]
    passed = [SuiteRun(suite=suite, tests=10, passed=10) for suite in suites]
    gates = [
        GateDecided(phase=phase, verdict=Verdict.PROMOTE, reason="all well")
        for phase in ("staging", "preparation")
    ]
    return [*inherited, *passed, *gates]
