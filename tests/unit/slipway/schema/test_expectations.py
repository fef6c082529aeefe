"""How a database differs from what its migrations should have left."""

from __future__ import annotations

from pathlib import Path

import pytest
from slipway.exceptions import PolicyError, SchemaUnexpected
from slipway.paths import INCLUDE
from slipway.policy.release import load_policy
from slipway.release.schema import migrations_directory, require_same, touched
from slipway.schema.contract import read_migrations
from slipway.schema.expectations import Table, differences, load_expectations

DOCUMENT = """
base: [users]
migrations:
  0001_add:
    usage:
      columns: {id: uuid not null, note: text}
      indexes: {idx_note: btree (note)}
  0002_take_away:
    usage:
      columns: {note: gone}
      indexes: {idx_note: gone}
      constraints: {positive: CHECK ((id > 0))}
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "schema.yaml"
    path.write_text(DOCUMENT)
    return path


def table() -> Table:
    return Table(columns={"id": "uuid not null", "note": "text"}, indexes={"idx_note": "btree (note)"})


def test_what_is_as_it_should_be_differs_in_nothing(document: Path) -> None:
    expected = load_expectations(document)
    assert differences(expected, ["0001_add"], {"users": Table(), "usage": table()}) == []
    after = Table(columns={"id": "uuid not null"}, constraints={"positive": "CHECK ((id > 0))"})
    assert differences(expected, ["0001_add", "0002_take_away"], {"users": Table(), "usage": after}) == []


def test_everything_that_differs_is_told(document: Path) -> None:
    wrong = table()
    wrong.columns["id"] = "uuid"
    del wrong.indexes["idx_note"]
    wrong.indexes["half"] = "btree (id) invalid"
    found = differences(load_expectations(document), ["0001_add"], {"usage": wrong})
    assert found == [
        "table users: is missing",
        "usage.columns.id: is 'uuid', 'uuid not null' is expected",
        "usage.indexes.idx_note: is missing, 'btree (note)' is expected",
        "usage.indexes.half: btree (id) invalid",
    ]
    gone = differences(
        load_expectations(document), ["0001_add", "0002_take_away"], {"users": Table(), "usage": table()}
    )
    assert "usage.columns.note: is still there" in gone


def test_a_constraint_that_was_not_validated_is_not_the_one_expected(document: Path) -> None:
    unproven = Table(columns={"id": "uuid not null"}, constraints={"positive": "CHECK ((id > 0)) NOT VALID"})
    (found,) = differences(
        load_expectations(document), ["0001_add", "0002_take_away"], {"users": Table(), "usage": unproven}
    )
    assert "positive: is 'CHECK ((id > 0)) NOT VALID'" in found


def test_a_wrong_document_is_told_by_its_fields(document: Path) -> None:
    document.write_text(DOCUMENT.replace("indexes: {idx_note: gone}", "index: {}"))
    with pytest.raises(PolicyError, match=r"schema\.yaml: migrations\.0002_take_away\.usage\.index: unknown"):
        load_expectations(document)


def test_every_migration_of_the_product_says_what_it_leaves() -> None:
    policy = load_policy("release.yaml")
    expected = load_expectations(INCLUDE / policy.migrations.expectations)
    names = {migration.name for migration in read_migrations(migrations_directory(policy))}
    assert set(expected.migrations) == names


def test_the_tables_that_a_migration_touches_are_found_by_name() -> None:
    migrations = read_migrations(migrations_directory(load_policy("release.yaml")))
    assert touched(["token_usage_tracking", "users", "token"], migrations[:1]) == ["token_usage_tracking"]


@pytest.mark.parametrize("found", [95, 100, 105, 110])
def test_a_restored_table_may_have_what_the_source_had_around_the_backup(found: int) -> None:
    require_same({"t": found}, {"t": 100}, {"t": 105}, tolerance_percent=5)


@pytest.mark.parametrize(
    ("restored", "message"),
    [({"t": 90}, "t: 90 rows, 100 to 105 are expected"), ({"t": 120}, "t: 120 rows"), ({}, "t: is missing")],
)
def test_a_restored_table_that_is_not_what_was_backed_up_is_named(
    restored: dict[str, int], message: str
) -> None:
    with pytest.raises(SchemaUnexpected, match=message):
        require_same(restored, {"t": 100}, {"t": 105}, tolerance_percent=5)
