"""The kinds of entry that a release has on record, one class each; ``docs/ledger.md`` is made from them.

A record is append-only and read for years: the keys stay, and a field that is renamed or removed raises the
kind's ``FORMAT``, with a step in its ``upgrade``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slipway.exceptions import EntryUnreadable
from slipway.ledger.entries.base import InheritableEntry, Inherited, LedgerEntry
from slipway.ledger.entries.changes import (
    ChangeSettled,
    ReleaseLost,
    RunActed,
    RunChangedByHand,
    ServiceChangedAfterEnd,
    TaskFailed,
    TeamNotified,
    TeamNotReached,
)
from slipway.ledger.entries.database import (
    BackfillProgressed,
    BackupCopy,
    CatalogTable,
    DatabaseBackedUp,
    DatabaseChecked,
    MigrationsRehearsed,
    SampledRange,
    SchemaMigrated,
)
from slipway.ledger.entries.incident import (
    HealthVerified,
    IncidentReported,
    IncidentStep,
    LateRegressionFound,
)
from slipway.ledger.entries.infrastructure import InfrastructureChecked
from slipway.ledger.entries.lifecycle import (
    DeploymentChecked,
    DeploymentLine,
    NextRegionStarted,
    PromotionRolledBack,
    RegionsReported,
    ReleaseClosed,
    ReleaseOpened,
    ReleaseTagged,
    ReportWritten,
    ServiceReleased,
    ServicesLocked,
    ServicesReleased,
    TargetRecord,
)
from slipway.ledger.entries.phases import (
    AnswerRefused,
    ApprovalDecided,
    BakeAnswered,
    Brake,
    DetectionPowerForecast,
    DriftFound,
    EvidenceRecorded,
    GateDecided,
    MetricPower,
    Person,
    PhaseBaked,
    RevisionWarmedUp,
    TrafficShifted,
    TrafficVerified,
)
from slipway.ledger.entries.retention import (
    BackupCopiesDeleted,
    BackupDeleted,
    ReportDeleted,
    RevisionDeleted,
)
from slipway.ledger.entries.rollback import (
    BackupRestored,
    DatabaseRollbackConfirmed,
    DatabaseRolledBack,
    DatabaseSwitchConfirmed,
    DatabaseSwitched,
    DataKept,
    FlagsRolledBack,
    FullyRestored,
    ReleaseReconciled,
    RollbackOrdered,
    RollbackOverridden,
    RollbackRefused,
    RollbackTier,
    TrafficRestoration,
    TrafficRestored,
    TrafficRestoredAgain,
)
from slipway.ledger.entries.staging import (
    ChangesPlanned,
    ChecklistItemChecked,
    ConfigurationWritten,
    LoadTested,
    RevisionDeployed,
    RollbackRehearsed,
    StagingServed,
    StagingStableRecorded,
    SuiteRun,
)
from slipway.ledger.entries.values import (
    ConfigurationChange,
    Judged,
    LeftOut,
    ServedDocument,
    ServiceState,
    Split,
    SplitChange,
    TemplateChange,
)

#: Every kind, in the order in which a release writes them. A fixed key comes before a pattern that it fits.
KINDS: tuple[type[LedgerEntry], ...] = (
    ReleaseOpened,
    InfrastructureChecked,
    ServicesLocked,
    ConfigurationWritten,
    DatabaseChecked,
    ChangesPlanned,
    DatabaseBackedUp,
    MigrationsRehearsed,
    BackfillProgressed,
    SchemaMigrated,
    RevisionDeployed,
    StagingStableRecorded,
    RollbackRehearsed,
    StagingServed,
    SuiteRun,
    LoadTested,
    DeploymentChecked,
    ChecklistItemChecked,
    AnswerRefused,
    ApprovalDecided,
    DetectionPowerForecast,
    RevisionWarmedUp,
    TrafficShifted,
    TrafficVerified,
    DriftFound,
    EvidenceRecorded,
    PhaseBaked,
    ChangeSettled,
    BakeAnswered,
    GateDecided,
    RollbackOrdered,
    RollbackRefused,
    RollbackOverridden,
    TrafficRestored,
    TrafficRestoredAgain,
    ReleaseReconciled,
    FlagsRolledBack,
    DataKept,
    DatabaseRollbackConfirmed,
    DatabaseRolledBack,
    BackupRestored,
    DatabaseSwitchConfirmed,
    DatabaseSwitched,
    FullyRestored,
    ReleaseTagged,
    ReleaseClosed,
    PromotionRolledBack,
    ServicesReleased,
    IncidentReported,
    HealthVerified,
    ReportWritten,
    RegionsReported,
    NextRegionStarted,
    BackupDeleted,
    BackupCopiesDeleted,
    RevisionDeleted,
    ReportDeleted,
    TaskFailed,
    RunChangedByHand,
    ReleaseLost,
    LateRegressionFound,
    ServiceChangedAfterEnd,
    TeamNotified,
    TeamNotReached,
)

__all__ = [
    "KINDS",
    "AnswerRefused",
    "ApprovalDecided",
    "BackfillProgressed",
    "BackupCopiesDeleted",
    "BackupCopy",
    "BackupDeleted",
    "BackupRestored",
    "BakeAnswered",
    "Brake",
    "CatalogTable",
    "ChangeSettled",
    "ChangesPlanned",
    "ChecklistItemChecked",
    "ConfigurationChange",
    "ConfigurationWritten",
    "DataKept",
    "DatabaseBackedUp",
    "DatabaseChecked",
    "DatabaseRollbackConfirmed",
    "DatabaseRolledBack",
    "DatabaseSwitchConfirmed",
    "DatabaseSwitched",
    "DeploymentChecked",
    "DeploymentLine",
    "DetectionPowerForecast",
    "DriftFound",
    "EvidenceRecorded",
    "FlagsRolledBack",
    "FullyRestored",
    "GateDecided",
    "HealthVerified",
    "IncidentReported",
    "IncidentStep",
    "InfrastructureChecked",
    "InheritableEntry",
    "Inherited",
    "Judged",
    "LateRegressionFound",
    "LedgerEntry",
    "LeftOut",
    "LoadTested",
    "MetricPower",
    "MigrationsRehearsed",
    "NextRegionStarted",
    "Person",
    "PhaseBaked",
    "PromotionRolledBack",
    "RegionsReported",
    "ReleaseClosed",
    "ReleaseLost",
    "ReleaseOpened",
    "ReleaseReconciled",
    "ReleaseTagged",
    "ReportDeleted",
    "ReportWritten",
    "RevisionDeleted",
    "RevisionDeployed",
    "RevisionWarmedUp",
    "RollbackOrdered",
    "RollbackOverridden",
    "RollbackRefused",
    "RollbackRehearsed",
    "RollbackTier",
    "RunActed",
    "RunChangedByHand",
    "SampledRange",
    "SchemaMigrated",
    "ServedDocument",
    "ServiceChangedAfterEnd",
    "ServiceReleased",
    "ServiceState",
    "ServicesLocked",
    "ServicesReleased",
    "Split",
    "SplitChange",
    "StagingServed",
    "StagingStableRecorded",
    "SuiteRun",
    "TargetRecord",
    "TaskFailed",
    "TeamNotReached",
    "TeamNotified",
    "TemplateChange",
    "TrafficRestoration",
    "TrafficRestored",
    "TrafficRestoredAgain",
    "TrafficShifted",
    "TrafficVerified",
    "kind_of",
    "read_entry",
]


def kind_of(key: str) -> type[LedgerEntry] | None:
    """Return the kind of entry that a key belongs to, None when this version knows none.

    :param key: key on record, such as ``shifted/canary``.
    """
    return next((kind for kind in KINDS if kind.matches(key) is not None), None)


def read_entry(key: str, payload: Mapping[str, Any]) -> LedgerEntry:
    """Read an entry of any kind, whichever version of Slipway wrote it.

    :param key: the key that it is on record under.
    :param payload: the payload on record.
    :raises EntryUnreadable: when this version has no such kind, or the payload is not one of its.
    """
    kind = kind_of(key)
    if kind is None:
        raise EntryUnreadable(f"ledger entry {key}: this version of Slipway knows no such kind of entry")
    return kind.read(key, payload)
