"""Which migrations a release applies, which it holds, and which versions can run on a schema. Pure.

The order that is refused is the one that would leave a version that serves, or may have to serve again, on a
schema that it cannot run on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from packaging.version import Version

from slipway.exceptions import MigrationChanged, SchemaContractBroken
from slipway.schema.contract import Migration, Versions, numbers_of


@dataclass(frozen=True)
class AppliedMigration:
    """A migration that a database has, as it was declared when it was applied.

    :param checksum: of its statements; None when it was applied by other means than a release.
    :param runs_with: None likewise.
    """

    name: str
    checksum: str | None
    runs_with: Versions | None


@dataclass(frozen=True)
class SchemaPlan:
    """What one release does to a schema.

    :param due: what is applied now, in its order.
    :param held: what has to wait, and for what.
    """

    due: Sequence[Migration]
    held: Mapping[str, str]


def plan_schema(
    migrations: Sequence[Migration],
    applied: Sequence[AppliedMigration],
    *,
    serving: Mapping[str, str],
    promoted: Sequence[tuple[str, datetime]],
    now: datetime,
    window: timedelta,
) -> SchemaPlan:
    """Decide which migrations are due.

    An expand step is due at once, and refused when a serving version cannot run with it. A backfill waits
    until every serving version can run with it. A contract step waits for that too, and then until the
    release that made it safe can no longer be rolled back. What depends on a held step is held.

    :param migrations: what there is, in its order.
    :param applied: what the database has.
    :param serving: who serves, or is to serve (``stable backend``), and its version.
    :param promoted: version and moment of every promoted release, oldest first.
    :param now: the moment the plan is for.
    :param window: for how long after its promotion a release may be rolled back.
    :return: what is due, and what is held.
    :raises MigrationChanged: when an applied migration no longer is what was applied.
    :raises SchemaContractBroken: when a version would meet a schema that it cannot run on.
    """
    require_unchanged(migrations, applied)
    for who, version in serving.items():
        require_readable(version, applied, migrations, who=who)
    present = {migration.name for migration in applied}
    due: list[Migration] = []
    held: dict[str, str] = {}
    for migration in migrations:
        if migration.name in present:
            continue
        waiting = next((name for name in migration.depends if name in held), None)
        why = (
            f"waits for {waiting}" if waiting else _reason_to_hold(migration, serving, promoted, now, window)
        )
        if why:
            held[migration.name] = why
        else:
            due.append(migration)
    return SchemaPlan(due=due, held=held)


def require_unchanged(migrations: Sequence[Migration], applied: Sequence[AppliedMigration]) -> None:
    """Compare what was applied with what the files say now.

    :param migrations: what there is.
    :param applied: what the database has.
    :raises MigrationChanged: naming each migration that differs.
    """
    now = {migration.name: migration.checksum for migration in migrations}
    changed = [
        was.name
        for was in applied
        if was.checksum is not None and was.name in now and now[was.name] != was.checksum
    ]
    if changed:
        raise MigrationChanged(
            f"migration {', '.join(changed)}: its statements were changed after it was applied; "
            "give it back the text it was applied with, and put the change into a migration of its own"
        )


def require_readable(
    version: str, applied: Sequence[AppliedMigration], migrations: Sequence[Migration], *, who: str
) -> None:
    """Make sure that a version can run on the schema as it is.

    :param version: application version.
    :param applied: what the database has; as it was declared then, or else as ``migrations`` declare it now.
    :param migrations: what there is.
    :param who: whose version it is, for the message.
    :raises SchemaContractBroken: naming the migrations in the way, and the way forward.
    """
    declared = {migration.name: migration.runs_with for migration in migrations}
    ranges = {was.name: was.runs_with or declared.get(was.name) for was in applied}
    broken = {name: versions for name, versions in ranges.items() if versions and version not in versions}
    if broken:
        which = "; ".join(f"{name} runs with {versions}" for name, versions in broken.items())
        raise SchemaContractBroken(
            f"{who} {version}: cannot run on the present schema ({which}). Ways forward: release a version "
            "that can; or undo what is in the way "
            f"({', '.join(f'{name}.rollback.sql' for name in broken)}); or restore the backup that "
            "from before it, which loses what was written since"
        )


def _reason_to_hold(
    migration: Migration,
    serving: Mapping[str, str],
    promoted: Sequence[tuple[str, datetime]],
    now: datetime,
    window: timedelta,
) -> str | None:
    stranded = next((who for who, version in serving.items() if version not in migration.runs_with), None)
    if stranded is not None:
        why = f"{stranded} {serving[stranded]} cannot run with it (runs with {migration.runs_with})"
        if migration.kind == "expand":
            raise SchemaContractBroken(
                f"migration {migration.name}: {why}. An expand step must leave every serving version able to "
                "run: split it, and declare what takes something away as a contract step"
            )
        return why
    if migration.safe_since is None:
        return None
    since = _safe_moment(migration.safe_since, promoted)
    if since is None:
        return f"no release of {migration.safe_since} or later was promoted yet"
    if now < since + window:
        until = (since + window).isoformat(timespec="seconds")
        return f"the release of {migration.safe_since} may be rolled back until {until}"
    return None


def _safe_moment(safe_since: str, promoted: Sequence[tuple[str, datetime]]) -> datetime | None:
    """Return since when only ``safe_since`` and later have been promoted, None when the last was older."""
    moment: datetime | None = None
    for version, at in promoted:
        if Version(numbers_of(version)) < Version(safe_since):
            moment = None
        elif moment is None:
            moment = at
    return moment
