"""How a database differs from the one on which its migrations were rehearsed."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from slipway.exceptions import SchemaUnexpected
from slipway.release.schema import require_rehearsed_catalog, require_sound_catalog
from slipway.schema.catalog import Table, differences, invalid_indexes


def table() -> Table:
    return Table(
        columns={"id": "uuid not null", "note": "text"},
        indexes={"idx_note": "btree (note)"},
        constraints={"positive": "CHECK ((id > 0))"},
    )


def test_the_same_differs_in_nothing_and_further_tables_do_not_count() -> None:
    assert differences({"usage": table()}, {"usage": table(), "another": table()}) == []


def test_everything_that_differs_is_named() -> None:
    found = table()
    found.columns |= {"id": "uuid", "more": "text"}
    found.indexes = {}
    found.constraints["positive"] += " NOT VALID"
    assert differences({"usage": table(), "users": Table()}, {"usage": found}) == [
        "usage.columns.id: is 'uuid', the rehearsal has 'uuid not null'",
        "usage.columns.more: is 'text', the rehearsal has none",
        "usage.indexes.idx_note: is missing, the rehearsal has 'btree (note)'",
        "usage.constraints.positive: is 'CHECK ((id > 0)) NOT VALID', the rehearsal has 'CHECK ((id > 0))'",
        "table users: is missing",
    ]


def test_an_index_that_was_not_built_to_its_end_is_named() -> None:
    broken = Table(indexes={"half": "btree (id) invalid", "whole": "btree (id)"})
    assert invalid_indexes({"usage": broken}) == ["usage.indexes.half: btree (id) invalid"]
    with pytest.raises(SchemaUnexpected, match=r"usage\.indexes\.half"):
        require_sound_catalog({"usage": broken})
    require_sound_catalog({"usage": table()})


def test_a_catalog_on_record_is_compared_as_it_was() -> None:
    rehearsed = {"usage": asdict(table())}
    require_rehearsed_catalog(rehearsed, {"usage": table()})
    with pytest.raises(SchemaUnexpected, match=r"table usage: is missing; undo what was changed beside"):
        require_rehearsed_catalog(rehearsed, {})
