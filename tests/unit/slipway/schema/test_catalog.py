"""How a database differs from the one on which its migrations were rehearsed."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from slipway.exceptions import SchemaUnexpected
from slipway.release.schema import (
    RecordedCatalog,
    require_rehearsed_catalog,
    require_sound_catalog,
    require_unclaimed_catalog,
)
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


def migrated() -> Table:
    """The table after migrations that add a column and an index."""
    left = table()
    left.columns["saved"] = "integer"
    left.indexes["idx_saved"] = "btree (saved)"
    return left


BEFORE: RecordedCatalog = {"usage": asdict(table())}
AFTER: RecordedCatalog = {"usage": asdict(migrated()), "price": asdict(Table(columns={"model": "text"}))}


def test_what_other_people_changed_is_noted_before_and_fails_nothing_after() -> None:
    found = table()
    found.indexes["idx_of_somebody"] = "btree (id) invalid"
    del found.constraints["positive"]
    noted = require_unclaimed_catalog(BEFORE, AFTER, {"usage": found, "view_of_somebody": Table()})
    assert len(noted) == 2
    assert "idx_of_somebody" in noted[0]
    after = migrated()
    after.indexes["idx_of_somebody"] = "btree (id) invalid"
    del after.constraints["positive"]
    there = {"usage": after, "price": Table(columns={"model": "text"})}
    require_rehearsed_catalog(AFTER, there, BEFORE)
    require_sound_catalog(there, {"idx_saved"})
    with pytest.raises(SchemaUnexpected, match=r"usage\.indexes\.idx_of_somebody"):
        require_rehearsed_catalog(AFTER, there)


@pytest.mark.parametrize(
    ("part", "name", "definition"),
    [("columns", "saved", "text"), ("indexes", "idx_saved", "hash (saved)")],
)
def test_what_somebody_made_under_a_name_of_the_migrations_is_refused_before(
    part: str, name: str, definition: str
) -> None:
    found = table()
    getattr(found, part)[name] = definition
    with pytest.raises(SchemaUnexpected, match=rf"was not migrated: usage\.{part}\.{name}: is '"):
        require_unclaimed_catalog(BEFORE, AFTER, {"usage": found})


def test_a_table_that_the_migrations_create_must_not_be_there() -> None:
    with pytest.raises(SchemaUnexpected, match="table price: is there"):
        require_unclaimed_catalog(BEFORE, AFTER, {"usage": table(), "price": Table()})


def test_an_index_that_an_earlier_try_left_half_built_is_no_reason_to_refuse() -> None:
    found = table()
    found.indexes["idx_saved"] = "btree (saved) invalid"
    require_unclaimed_catalog(BEFORE, AFTER, {"usage": found})


def test_what_the_migrations_change_must_be_as_in_the_rehearsal() -> None:
    there = {"usage": table(), "price": Table(columns={"model": "text"})}
    with pytest.raises(SchemaUnexpected, match=r"usage\.columns\.saved: is missing"):
        require_rehearsed_catalog(AFTER, there, BEFORE)
    with pytest.raises(SchemaUnexpected, match="table price: is missing"):
        require_rehearsed_catalog(AFTER, {"usage": migrated()}, BEFORE)
    with pytest.raises(SchemaUnexpected, match=r"idx_saved: btree \(saved\) invalid"):
        require_sound_catalog({"usage": Table(indexes={"idx_saved": "btree (saved) invalid"})}, {"idx_saved"})
