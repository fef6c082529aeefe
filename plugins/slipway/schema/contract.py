"""What a schema migration says about itself, read from the comments at the head of its SQL file.

::

    -- depends: 0003_token_usage_day      the migration before it
    -- transactional: false               one statement, outside a transaction: it must not block for long
    -- kind: contract                     expand, backfill or contract
    -- runs_with: >=1.2.0                 application versions that can run once it is applied
    -- safe_since: 1.2.0                  contract: the release since which nothing uses what it takes away
    -- table: token_usage_tracking        backfill: the table it goes through, in batches
    -- key: id                            backfill: the unique column that it goes along

An *expand* adds what every serving version can live with. A *backfill* fills it, batch by batch. A *contract*
takes away what no version that may still serve uses: it is held until the release that made it safe can no
longer be rolled back.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from slipway.exceptions import MigrationInvalid

Kind = Literal["expand", "backfill", "contract"]

BATCH_SETTINGS = ("slipway.after", "slipway.upto")
"""Settings that tell a backfill's statement its batch; both are empty when it is run by other means."""

_KEYS = ("depends", "transactional", "kind", "runs_with", "safe_since", "table", "key")
_LINE = re.compile(rf"^--\s*({'|'.join(_KEYS)})\s*:\s*(.*?)\s*$")
_OF_KIND: Mapping[str, str] = {"safe_since": "contract", "table": "backfill", "key": "backfill"}
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")
_NUMBERS = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Versions:
    """A range of application versions, such as ``>=1.1.0,<2``.

    A version's own suffix does not count: ``1.4.2-hotfix`` runs with what ``1.4.2`` runs with.

    :param text: the range as it is written.
    """

    text: str

    def __contains__(self, version: str) -> bool:
        return Version(numbers_of(version)) in SpecifierSet(self.text)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Migration:
    """A migration as its file declares it.

    :param name: the file's name without its ending; also the id under which it is recorded.
    :param runs_with: application versions that can run once it is applied.
    :param safe_since: of a contract, the version whose release made it safe.
    :param table: of a backfill, the table that it goes through.
    :param key: of a backfill, the unique column that it goes along.
    :param depends: names of the migrations that must be there first.
    :param sql: its statements, without the lines that are only comments.
    """

    name: str
    kind: Kind
    runs_with: Versions
    safe_since: str | None
    table: str | None
    key: str | None
    transactional: bool
    depends: tuple[str, ...]
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the statements: a corrected comment is not a changed migration."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def numbers_of(version: str) -> str:
    """Return the three numbers that a version begins with.

    :param version: the version, such as ``1.4.2``.
    :raises ValueError: when it does not begin with three numbers.
    """
    found = _NUMBERS.match(version)
    if found is None:
        raise ValueError(f"version {version!r}: must begin like 1.4.2")
    return found.group()


def read_migrations(directory: Path) -> Sequence[Migration]:
    """Read a folder's migrations in the order of their names.

    :param directory: folder of ``.sql`` files, with ``.rollback.sql`` beside them.
    :raises MigrationInvalid: with one line for every file that may not be applied as written.
    """
    paths = sorted(path for path in directory.glob("*.sql") if not path.name.endswith(".rollback.sql"))
    if not paths:
        raise MigrationInvalid(f"{directory}: no .sql migrations")
    found, wrong = [], []
    for path in paths:
        try:
            found.append(parse_migration(path.stem, path.read_text()))
        except MigrationInvalid as error:
            wrong.append(str(error))
    if wrong:
        raise MigrationInvalid("\n".join(wrong))
    return found


def parse_migration(name: str, text: str) -> Migration:
    """Read one migration.

    :param name: the file's name without its ending.
    :param text: the file.
    :raises MigrationInvalid: naming the migration, the field, its value and what is allowed.
    """
    fields = _header(text)
    kind = fields.get("kind", "")
    if kind not in get_args(Kind):
        raise _invalid(name, "kind", fields, f"must be one of {', '.join(get_args(Kind))}")
    for key, only in _OF_KIND.items():
        if (key in fields) != (kind == only):
            raise _invalid(name, key, fields, f"must be there for a {only}, and for nothing else")
    migration = Migration(
        name=name,
        kind=cast("Kind", kind),
        runs_with=_versions(name, fields),
        safe_since=fields.get("safe_since"),
        table=fields.get("table"),
        key=fields.get("key"),
        transactional=_transactional(name, fields),
        depends=tuple(fields.get("depends", "").split()),
        sql=_statements(text),
    )
    _require_consistent(migration, fields)
    return migration


def _require_consistent(migration: Migration, fields: Mapping[str, str]) -> None:
    name = migration.name
    if migration.safe_since is not None:
        if not _NUMBERS.fullmatch(migration.safe_since):
            raise _invalid(name, "safe_since", fields, "must be a version like 1.4.2")
        if migration.safe_since not in migration.runs_with:
            raise _invalid(name, "safe_since", fields, f"must be within runs_with ({migration.runs_with})")
    for key in ("table", "key"):
        if key in fields and not _IDENTIFIER.fullmatch(fields[key]):
            raise _invalid(name, key, fields, "must be a plain name in lower case")
    _require_runnable(migration)


def _require_runnable(migration: Migration) -> None:
    name, sql = migration.name, migration.sql
    batched = migration.kind == "backfill"
    if (batched or not migration.transactional) and sql.rstrip("; \n").count(";"):
        raise MigrationInvalid(
            f"migration {name}: what runs outside a transaction, or in batches, must be one statement: "
            "a second one could be left undone"
        )
    if migration.transactional and re.search(r"\bCONCURRENTLY\b", sql, re.IGNORECASE):
        raise MigrationInvalid(f"migration {name}: CONCURRENTLY needs `-- transactional: false`")
    for setting in BATCH_SETTINGS if batched else ():
        if f"'{setting}'" not in sql:
            raise MigrationInvalid(
                f"migration {name}: a backfill changes only the rows after current_setting('slipway.after') "
                f"up to current_setting('slipway.upto'); {setting} is not in it"
            )


def _header(text: str) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("--"):
            break
        found = _LINE.match(line)
        if found:
            fields[found[1]] = found[2]
    return fields


def _versions(name: str, fields: Mapping[str, str]) -> Versions:
    text = fields.get("runs_with", "")
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        text = ""
    if not text:
        raise _invalid(name, "runs_with", fields, "must be a range of versions like >=1.1.0 or >=1.1.0,<2")
    return Versions(text)


def _transactional(name: str, fields: Mapping[str, str]) -> bool:
    value = fields.get("transactional", "true")
    if value not in ("true", "false"):
        raise _invalid(name, "transactional", fields, "must be true or false")
    return value == "true"


def _statements(text: str) -> str:
    lines = (line.rstrip() for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip() + "\n"


def _invalid(name: str, key: str, fields: Mapping[str, str], allowed: str) -> MigrationInvalid:
    value = f"={fields[key]}" if key in fields else " is missing"
    return MigrationInvalid(f"migration {name}: {key}{value}: {allowed} (a comment at the head of the file)")
