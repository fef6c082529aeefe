"""What a database's catalog says of its tables, and how it differs from the rehearsal's. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

PARTS = ("columns", "indexes", "constraints")


@dataclass
class Table:
    """One table, in PostgreSQL's own words: name to definition."""

    columns: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    constraints: dict[str, str] = field(default_factory=dict)


Catalog = Mapping[str, Table]
Item = tuple[str, str, str]
"""A table, one of ``PARTS``, and a name."""


def changes(before: Catalog, after: Catalog) -> set[Item]:
    """Find what migrations change.

    :param before: the rehearsal's catalog before them.
    :param after: the rehearsal's catalog after them.
    :return: every column, index and constraint that was added, changed or taken away.
    """
    return {item for item, _ in set(_items(before)) ^ set(_items(after))}


def _items(catalog: Catalog) -> Iterator[tuple[Item, str]]:
    for name, table in catalog.items():
        for part in PARTS:
            for item, definition in getattr(table, part).items():
                yield (name, part, item), definition


def differences(expected: Catalog, found: Catalog, only: Collection[Item] | None = None) -> list[str]:
    """Compare a database with the one on which its migrations were rehearsed.

    :param expected: the catalog that the rehearsal left.
    :param found: the catalog to compare; tables that the rehearsal did not have do not count.
    :param only: what is compared; None for everything.
    :return: one line for each table, column, index and constraint that differs.
    """
    lines = []
    for name, table in expected.items():
        if name not in found:
            if only is None or any(item[0] == name for item in only):
                lines.append(f"table {name}: is missing")
            continue
        for part in PARTS:
            wanted: Mapping[str, str] = getattr(table, part)
            there: Mapping[str, str] = getattr(found[name], part)
            for item in sorted(wanted.keys() | there.keys()):
                if only is not None and (name, part, item) not in only:
                    continue
                if item not in there:
                    lines.append(f"{name}.{part}.{item}: is missing, the rehearsal has {wanted[item]!r}")
                elif item not in wanted:
                    lines.append(f"{name}.{part}.{item}: is {there[item]!r}, the rehearsal has none")
                elif there[item] != wanted[item]:
                    lines.append(
                        f"{name}.{part}.{item}: is {there[item]!r}, the rehearsal has {wanted[item]!r}"
                    )
    return lines


def invalid_indexes(catalog: Catalog, named: Collection[str] | None = None) -> list[str]:
    """Find what an index build that broke off leaves.

    :param catalog: the catalog.
    :param named: the indexes to look at; None for all.
    :return: one line for each index that is not valid.
    """
    return [
        f"{name}.indexes.{index}: {definition}"
        for name, table in catalog.items()
        for index, definition in table.indexes.items()
        if definition.endswith(" invalid") and (named is None or index in named)
    ]
