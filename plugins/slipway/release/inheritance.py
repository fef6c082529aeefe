"""The evidence that a release to a later region inherits from the one before it."""

from __future__ import annotations

from collections.abc import Iterator

from slipway.analysis.inherited_evidence import judge_evidence
from slipway.analysis.verdict import Decision
from slipway.ledger.chain import Record
from slipway.ledger.entries import (
    ConfigurationWritten,
    DatabaseBackedUp,
    DatabaseChecked,
    GateDecided,
    InheritableEntry,
    Inherited,
    LedgerEntry,
    LoadTested,
    MigrationsRehearsed,
    SchemaMigrated,
    SuiteRun,
)
from slipway.policy.release import Policy

_OF_THE_DATABASE: tuple[type[LedgerEntry], ...] = (
    DatabaseChecked,
    DatabaseBackedUp,
    MigrationsRehearsed,
    SchemaMigrated,
)
_GATES = ("staging", "preparation")


def prepared(policy: Policy) -> list[str]:
    """Return the keys of what a rollback from production needs, and a release does not go on without.

    :param policy: says what the product has.
    """
    kinds: list[type[LedgerEntry]] = [ConfigurationWritten] if policy.configuration else []
    if policy.migrations is not None:
        kinds += _OF_THE_DATABASE
    return [kind.key_of(environment="production") for kind in kinds]


def inherited(source: str, record: Record) -> Iterator[InheritableEntry]:
    """Yield what a later region inherits, with where it comes from: the release, and the place in its chain.

    :param source: the release to the region before.
    :param record: everything on record of it.
    """
    for entry in record:
        content = entry.content
        if isinstance(content, InheritableEntry) and content.is_inherited:
            origin = content.inherited_from or Inherited(
                release=source, sequence=entry.sequence, hash=entry.hash
            )
            yield content.model_copy(update={"inherited_from": origin})


def judge_inherited(record: Record, policy: Policy, *, source: str) -> Decision:
    """Decide whether a version is as well proven as in the region before.

    :param record: everything on record of the later region's release.
    :param policy: names the suites that must have run.
    :param source: the release to the region before.
    """
    validation = policy.staging_validation
    required = [SuiteRun.key_of(suite=name) for name in (validation.suites if validation else ())]
    if validation is not None and validation.load_test is not None:
        required.append(LoadTested.key_of())
    required += [GateDecided.key_of(phase=phase) for phase in _GATES]
    required += prepared(policy)
    found = {entry.key for entry in record if entry.content.is_inherited}
    gates = [gate for phase in _GATES if (gate := record.get(GateDecided, phase=phase)) is not None]
    return judge_evidence(
        gates, missing=[key for key in required if key not in found], entries=len(found), source=source
    )
