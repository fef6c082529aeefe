"""The source's columns and types, against what the rollup's statements were written for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slipway.paths import INCLUDE
from slipway.yaml_text import parse_yaml

Schema = Mapping[str, Mapping[str, str]]


def expected_schema() -> Schema:
    """Return table to column to type, as ``include/quality/source_schema.yaml`` has it."""
    schema: Schema = parse_yaml((INCLUDE / "quality" / "source_schema.yaml").read_text())
    return schema


def drift(expected: Schema, found: Iterable[Sequence[Any]]) -> tuple[list[str], list[str]]:
    """Compare two schemas.

    :param expected: tables and columns that the rollup reads.
    :param found: table, column and type of every column there is.
    :return: one line for each table or column that is missing or has another type; and the columns of the
        expected tables that nobody expects, which the statements do not read.
    """
    there: dict[str, dict[str, str]] = defaultdict(dict)
    for table, column, kind in found:
        there[str(table)][str(column)] = str(kind)
    wrong = [f'relation "{table}" does not exist' for table in expected if table not in there]
    unknown = []
    for table in expected:
        for column, kind in expected[table].items() if table in there else ():
            now = there[table].get(column)
            if now is None:
                wrong.append(f"{table}.{column} ({kind}) is gone")
            elif now != kind:
                wrong.append(f"{table}.{column} is {now}, not {kind}")
        unknown += [f"{table}.{column}" for column in there.get(table, {}) if column not in expected[table]]
    return wrong, unknown
