"""What each migration is expected to leave, and how a database differs from it. Pure.

``include/quality/schema.yaml`` says it migration by migration; what a later one says of a column, an index or
a constraint takes the place of what an earlier one said::

    0004_example:
      token_usage_tracking:
        columns: {note: text not null, remark: gone}
        indexes: {idx_note: btree (note)}
        constraints: {note_set: CHECK ((note IS NOT NULL))}
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from slipway.exceptions import PolicyError
from slipway.policy.errors import describe
from slipway.policy.section import Section

GONE = "gone"
PARTS = ("columns", "indexes", "constraints")


class TableExpectation(Section):
    """Of one table: name to definition, or ``gone``; in PostgreSQL's own words."""

    columns: Mapping[str, str] = {}
    indexes: Mapping[str, str] = {}
    constraints: Mapping[str, str] = {}


class Expectations(Section):
    """What the migrations leave.

    :param base: tables that were there before the first of them.
    :param migrations: migration to table to what it leaves there.
    """

    base: Sequence[str]
    migrations: Mapping[str, Mapping[str, TableExpectation]]


@dataclass
class Table:
    """One table as the catalog has it: name to definition."""

    columns: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    constraints: dict[str, str] = field(default_factory=dict)


Catalog = Mapping[str, Table]


def load_expectations(path: Path) -> Expectations:
    """Read the expectations.

    :param path: the file.
    :raises PolicyError: when the file is not what it should be, with one line for every field that is wrong.
    """
    try:
        return TypeAdapter(Expectations).validate_python(yaml.safe_load(path.read_text()))
    except ValidationError as error:
        raise PolicyError("\n".join(f"{path.name}: {line}" for line in describe(error))) from error


def differences(expected: Expectations, applied: Collection[str], catalog: Catalog) -> list[str]:
    """Say how a database differs from what its migrations should have left; an empty list is as it should be.

    :param expected: what the migrations should have left.
    :param applied: migrations that the database has.
    :param catalog: its tables.
    """
    found = [f"table {name}: is missing" for name in expected.base if name not in catalog]
    for table, parts in _merged(expected, applied).items():
        if table not in catalog:
            found.append(f"table {table}: is missing")
            continue
        for part in PARTS:
            wanted, present = parts[part], getattr(catalog[table], part)
            found += _compare(f"{table}.{part}", wanted, present)
    found += [
        f"{name}.indexes.{index}: {definition}"
        for name, table_found in catalog.items()
        for index, definition in table_found.indexes.items()
        if definition.endswith(" invalid")
    ]
    return found


def _merged(
    expected: Expectations, applied: Collection[str]
) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    tables: dict[str, dict[str, dict[str, str]]] = {}
    for migration in sorted(applied):
        for name, expectation in expected.migrations.get(migration, {}).items():
            table = tables.setdefault(name, {part: {} for part in PARTS})
            for part in PARTS:
                table[part] |= getattr(expectation, part)
    return tables


def _compare(where: str, wanted: Mapping[str, str], present: Mapping[str, str]) -> Iterator[str]:
    for name, definition in wanted.items():
        found = present.get(name)
        if definition == GONE:
            if found is not None:
                yield f"{where}.{name}: is still there"
        elif found is None:
            yield f"{where}.{name}: is missing, {definition!r} is expected"
        elif found != definition and not found.endswith(" invalid"):
            yield f"{where}.{name}: is {found!r}, {definition!r} is expected"
