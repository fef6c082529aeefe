"""The schema's part of a release."""

from __future__ import annotations

import pytest
from slipway.exceptions import SchemaUnexpected
from slipway.policy.release import load_policy
from slipway.release.schema import identity_of, migrations_directory, require_same, touched
from slipway.schema.contract import read_migrations


def test_a_database_is_known_by_its_policy_environment_and_first_tables() -> None:
    identity = identity_of(load_policy("release.yaml"), "staging")
    assert (str(identity), tuple(identity.base)) == ("token-optimization/staging", ("users",))


def test_the_tables_that_a_migration_touches_are_found_by_name() -> None:
    migrations = read_migrations(migrations_directory(load_policy("release.yaml")))
    assert touched(["token_usage_tracking", "users", "token"], migrations[:1]) == ["token_usage_tracking"]


@pytest.mark.parametrize("found", [95, 100, 105, 110])
def test_a_restored_table_may_have_what_the_source_had_around_the_backup(found: int) -> None:
    require_same({"t": found}, {"t": 100}, {"t": 105}, tolerance_percent=5)


@pytest.mark.parametrize(
    ("restored", "message"),
    [({"t": 90}, "t: 90 rows, expected 100 to 105"), ({"t": 120}, "t: 120 rows"), ({}, "t: is missing")],
)
def test_a_restored_table_that_is_not_what_was_backed_up_is_named(
    restored: dict[str, int], message: str
) -> None:
    with pytest.raises(SchemaUnexpected, match=message):
        require_same(restored, {"t": 100}, {"t": 105}, tolerance_percent=5)
