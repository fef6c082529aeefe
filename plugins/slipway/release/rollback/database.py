"""The way back of the schema: the migrations that a rollback undoes, and the data that is lost with them.

A backward file returns the shape, never the data. So only what a release added is undone; where it took
something away or changed rows, the backup from before it is the way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.exceptions import (
    MigrationFailed,
    MigrationInvalid,
    RequestRefused,
    SchemaContractBroken,
    WrongDatabase,
)
from slipway.ledger.entries import (
    DatabaseBackedUp,
    DatabaseChecked,
    MigrationsRehearsed,
    ReleaseOpened,
    SchemaMigrated,
)
from slipway.release.schema import identity_of, migrations_directory
from slipway.release.serving_versions import stable_versions
from slipway.schema.contract import Migration, read_migrations
from slipway.schema.losses import Dropped, dropped
from slipway.schema.plan import AppliedMigration, require_unchanged

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.chain import Record
    from slipway.ledger.entries import RollbackTier
    from slipway.ledger.ledger import Ledger, Release
    from slipway.release.rollback.traffic import RollbackStep

ANSWER_SECONDS = 5
_FIELD = "tier='database'"


@dataclass(frozen=True)
class BackwardStep:
    """A migration that a rollback undoes.

    :param name: of the migration.
    :param sql: its backward file.
    """

    name: str
    sql: str

    @property
    def drops(self) -> Sequence[Dropped]:
        """The tables and columns that it drops."""
        return dropped(self.sql)


def steps_of_tier(
    tier: RollbackTier, release: Release, record: Record, steps: Mapping[str, RollbackStep]
) -> tuple[BackwardStep, ...]:
    """Return the migrations that a tier has to undo; changes nothing.

    :param tier: how far the rollback goes.
    :param release: the release to roll back.
    :param record: everything on record of it.
    :param steps: what its rollback does to the traffic.
    :raises RequestRefused: when the tier cannot be done to this release, with the way out.
    """
    if tier == "restore":
        backup_to_restore(release, record)
    if tier not in ("database", "full"):
        return ()
    try:
        backward = backward_steps(release, record)
        if backward:
            require_earlier_version(release, record, steps)
    except RequestRefused as refused:
        if tier == "full":
            raise RequestRefused(f"tier='full': it includes the tier database. {refused}") from None
        raise
    return backward


def backward_steps(release: Release, record: Record) -> tuple[BackwardStep, ...]:
    """Read which of its migrations a release's rollback has to undo, the newest first; changes nothing.

    :param release: the release to roll back.
    :param record: everything on record of it.
    :return: the steps; empty when the release migrated nothing, or all of it is undone.
    :raises RequestRefused: when the contract allows no backward migration, with the way out.
    """
    due = _migrations_of(record)
    if not due:
        return ()
    if release.plan.follows is not None:
        raise RequestRefused(
            f"{_FIELD}: release {release.release_id} is a later region's; the schema is that of release"
            f" {release.plan.follows}, which has to be rolled back last. Choose the tier traffic"
        )
    if release.outcome is None and record.get(SchemaMigrated, environment="production") is None:
        raise RequestRefused(
            f"{_FIELD}: the run of release {release.release_id} may be migrating now: choose the tier traffic"
            " now, and this one once the run has ended"
        )
    from slipway.hooks.postgres.migrations import SchemaHook

    policy = release.policy
    hook = SchemaHook(policy.database("production").connection, answer_seconds=ANSWER_SECONDS)
    try:
        # Read before what is applied: a migration that begins later sees the order, and is not applied.
        migrating = hook.migrating()
        applied = hook.applied(identity_of(policy, "production"))
        found = undoable(due, applied, read_migrations(migrations_directory(policy)), record)
    except (MigrationFailed, MigrationInvalid, WrongDatabase) as error:
        raise RequestRefused(
            f"{_FIELD}: the migrations of production cannot be compared with their files: {error}; choose the"
            " tier traffic, which does not need them"
        ) from error
    if migrating is not None:
        raise RequestRefused(
            f"{_FIELD}: {migrating} migrates production at this moment: choose the tier traffic now, and this"
            " one once that session has ended"
        )
    return tuple(BackwardStep(migration.name, _backward_file(release, migration)) for migration in found)


def undoable(
    due: Sequence[str], applied: Sequence[AppliedMigration], declared: Sequence[Migration], record: Record
) -> list[Migration]:
    """Decide which of a release's migrations are undone, the newest first.

    :param due: the migrations of the release.
    :param applied: what the database has.
    :param declared: the migrations as their files declare them.
    :param record: everything on record of the release.
    :raises RequestRefused: when one of them cannot be undone by its backward file, with the way out.
    """
    require_unchanged(declared, applied)
    present = [was.name for was in applied]
    files = {migration.name: migration for migration in declared}
    mine = [name for name in present if name in due]
    unknown = [name for name in mine if name not in files]
    if unknown:
        raise _refused(record, f"{', '.join(unknown)}: there is no such file in the project any more")
    lossy = [f"{name} is a {files[name].kind}" for name in mine if files[name].kind != "expand"]
    if lossy:
        raise _refused(
            record,
            f"{'; '.join(lossy)}: it took data away or changed rows, which no backward file returns",
        )
    migrated = record.get(SchemaMigrated, environment="production")
    later = [name for name in present if name not in mine and migrated and name not in migrated.present]
    if mine and later:
        raise _refused(record, f"{', '.join(later)}: applied by a later release; roll that one back first")
    return [files[name] for name in reversed(mine)]


def backup_to_restore(release: Release, record: Record) -> DatabaseBackedUp:
    """Return the backup that a rollback restores.

    :param release: the release to roll back.
    :param record: everything on record of it.
    :raises RequestRefused: when there is none of the release's own, with the way out.
    """
    taken = record.get(DatabaseBackedUp, environment="production")
    if taken is None or release.plan.follows is not None:
        raise RequestRefused(
            f"tier='restore': release {release.release_id} has made no backup of production's database;"
            " choose the tier traffic, or name the release that made it"
        )
    return taken


def written_since(release: Release, taken: DatabaseBackedUp) -> dict[str, int]:
    """Count what production has more than it had at a backup.

    :param release: the release that made the backup.
    :param taken: the backup, with the rows at that time.
    :return: rows by table, or by part of a table; what did not grow is left out.
    :raises DatabaseNotReady: when the database gives no answer.
    """
    from slipway.hooks.postgres.state import DatabaseStateHook, KeyRange

    state = DatabaseStateHook(release.policy.database("production").connection)
    now = state.row_counts([KeyRange(**found.model_dump()) for found in taken.ranges])
    more = {table: rows - taken.rows_after.get(table, 0) for table, rows in now.items()}
    return {table: rows for table, rows in more.items() if rows > 0}


def require_earlier_version(release: Release, record: Record, steps: Mapping[str, RollbackStep]) -> None:
    """Refuse to undo migrations where no earlier version serves once the traffic is back.

    :param release: the release to roll back.
    :param record: everything on record of it.
    :param steps: what its rollback does to the traffic.
    :raises RequestRefused: naming the service, and who serves it.
    """
    opened = record.get(ReleaseOpened)
    names = {release.policy.services[key].names["production"] for key in release.policy.database_services}
    for name in sorted(names & steps.keys()):
        step = steps[name]
        if opened is None or name not in opened.versions or not step.stable:
            raise RequestRefused(
                f"{_FIELD}: {name} had no version on record before release {release.release_id} that the"
                " earlier schema is known to serve; choose the tier traffic"
            )
        if step.left is not None and dict(step.serving) != dict(step.stable):
            raise RequestRefused(
                f"{_FIELD}: {name} serves {', '.join(step.serving)} ({step.left.note}), not what served when"
                f" release {release.release_id} began; roll back the release that serves"
            )


def require_safe_now(release: Release, cloud_run: CloudRunTrafficHook, ledger: Ledger) -> None:
    """Make sure that what serves now ran on the schema before the release, and that nobody else releases.

    :param release: the release, whose traffic is back.
    :param cloud_run: the door to Cloud Run.
    :param ledger: the record of the releases.
    :raises SchemaContractBroken: naming who serves with another version, or the release that is open.
    """
    opened = ledger.get(release.release_id, ReleaseOpened)
    before = set() if opened is None else set(opened.versions.values())
    serving = stable_versions(release.policy, cloud_run, ledger)
    other = [f"{who} {version}" for who, version in serving.items() if version not in before]
    if other:
        raise SchemaContractBroken(
            f"{', '.join(other)} serves, not {', '.join(sorted(before)) or 'an earlier version'}, which ran"
            " on the schema before the release; return the traffic of every region first"
        )
    for found in ledger.listing.open_releases():
        if found.release_id == release.release_id:
            continue
        if ledger.release(found.release_id).policy.name == release.policy.name:
            raise SchemaContractBroken(
                f"release {found.release_id} is open and relies on the schema as it is; end it, then order"
                " the rollback of the database again"
            )


def losses(release: Release, steps: Sequence[BackwardStep]) -> dict[str, int]:
    """Count the rows whose data the backward files drop.

    :param release: the release to roll back.
    :param steps: the backward files.
    :return: rows by table, and filled rows by column; what holds nothing is named with 0.
    :raises DatabaseNotReady: when the database gives no answer.
    """
    from slipway.hooks.postgres.state import DatabaseStateHook

    state = DatabaseStateHook(release.policy.database("production").connection)
    every = dict.fromkeys(one for step in steps for one in step.drops)
    tables = {one.table for one in every if one.column is None}
    counted = state.filled_rows([one for one in every if one.column is None or one.table not in tables])
    return {str(one): rows for one, rows in counted.items()}


def undo(release: Release, steps: Sequence[BackwardStep]) -> None:
    """Undo migrations in this order; one that the database does not have any more is passed over.

    :param release: the release to roll back.
    :param steps: the newest first.
    :raises MigrationFailed: with what the database said.
    """
    from slipway.hooks.postgres.migrations import SchemaHook

    policy = release.policy
    hook = SchemaHook(policy.database("production").connection)
    for step in steps:
        hook.undo(
            migrations_directory(policy),
            step.name,
            pace=policy.schema_rules.pace,
            identity=identity_of(policy, "production"),
        )


def _migrations_of(record: Record) -> list[str]:
    """Return the migrations that a release has applied, or may have before it was killed."""
    migrated = record.get(SchemaMigrated, environment="production")
    begun = migrated is not None or record.get(MigrationsRehearsed, environment="production") is not None
    checked = record.get(DatabaseChecked, environment="production")
    due = checked.due if begun and checked is not None else ()
    return list(dict.fromkeys([*due, *(migrated.applied if migrated is not None else ())]))


def _backward_file(release: Release, migration: Migration) -> str:
    path = migrations_directory(release.policy) / f"{migration.name}.rollback.sql"
    text = path.read_text() if path.exists() else ""
    if not text.strip():
        raise RequestRefused(
            f"{_FIELD}: {migration.name} has no backward file ({path.name}); write it, or choose the tier"
            " traffic: an expand step harms no earlier version"
        )
    return text


def _refused(record: Record, why: str) -> RequestRefused:
    taken = record.get(DatabaseBackedUp, environment="production")
    restore = (
        ""
        if taken is None
        else f", or restore: it restores backup {taken.backup} of {taken.instance}, from before the release's"
        " migrations, to a new instance beside the one that serves"
    )
    return RequestRefused(
        f"{_FIELD}: the contract of the schema forbids it: {why}. Choose the tier traffic{restore}"
    )
