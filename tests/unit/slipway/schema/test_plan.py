"""Which migrations are due, which are held, and which versions can run on a schema."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slipway.exceptions import MigrationChanged, SchemaContractBroken
from slipway.schema.contract import Migration, Versions, parse_migration
from slipway.schema.plan import AppliedMigration, SchemaPlan, plan_schema, require_readable

NOW = datetime(2026, 1, 20, tzinfo=UTC)
WINDOW = timedelta(days=14)
OLD, SAFE = "1.1.0", "1.2.0"


def migration(name: str, kind: str, runs_with: str = ">=1.0.0", **fields: str) -> Migration:
    if kind == "backfill":
        fields |= {"table": "t", "key": "id"}
    head = "".join(
        f"-- {key}: {value}\n" for key, value in {"kind": kind, "runs_with": runs_with, **fields}.items()
    )
    return parse_migration(name, f"{head}UPDATE {name} SET x = 'slipway.after' || 'slipway.upto';\n")


EXPAND = migration("a_expand", "expand")
FILL = migration("b_fill", "backfill", depends="a_expand")
CONTRACT = migration("c_contract", "contract", f">={SAFE}", safe_since=SAFE, depends="b_fill")
AFTER = migration("d_after", "expand", depends="c_contract")
ALL = [EXPAND, FILL, CONTRACT, AFTER]


def applied(*migrations: Migration) -> list[AppliedMigration]:
    return [AppliedMigration(m.name, m.checksum, m.runs_with) for m in migrations]


def plan(
    migrations: Sequence[Migration] = ALL,
    has: Sequence[AppliedMigration] = (),
    *,
    stable: str = SAFE,
    new: str = SAFE,
    promoted: Sequence[tuple[str, datetime]] = (),
) -> SchemaPlan:
    serving = {"stable backend": stable, "new backend": new}
    return plan_schema(migrations, has, serving=serving, promoted=promoted, now=NOW, window=WINDOW)


def names(found: SchemaPlan) -> list[str]:
    return [m.name for m in found.due]


def test_expand_and_backfill_go_ahead_while_the_contract_waits_for_the_stable_version() -> None:
    found = plan(stable=OLD)
    assert names(found) == ["a_expand", "b_fill"]
    assert found.held == {
        "c_contract": "stable backend 1.1.0 cannot run with it (runs with >=1.2.0)",
        "d_after": "waits for c_contract",
    }


def test_a_contract_waits_for_its_release_and_then_for_the_rollback_window() -> None:
    has = applied(EXPAND, FILL)
    assert plan(has=has).held["c_contract"] == "no release of 1.2.0 or later was promoted yet"
    recent = [(SAFE, NOW - timedelta(days=13))]
    assert plan(has=has, promoted=recent).held["c_contract"] == (
        "the release of 1.2.0 may be rolled back until 2026-01-21T00:00:00+00:00"
    )
    assert names(plan(has=has, promoted=[(SAFE, NOW - WINDOW)])) == ["c_contract", "d_after"]


def test_going_back_to_an_older_version_starts_the_window_again() -> None:
    history = [
        (SAFE, NOW - timedelta(days=60)),
        ("1.3.0", NOW - timedelta(days=50)),
        (OLD, NOW - timedelta(days=40)),
    ]
    has = applied(EXPAND, FILL)
    assert "no release of 1.2.0" in plan(has=has, promoted=history).held["c_contract"]
    again = [*history, (SAFE, NOW - timedelta(days=3))]
    assert "may be rolled back until 2026-01-31" in plan(has=has, promoted=again).held["c_contract"]


def test_an_expand_that_strands_the_stable_version_is_refused() -> None:
    wrong = migration("a_expand", "expand", ">=1.2.0")
    with pytest.raises(SchemaContractBroken, match=r"a_expand: stable backend 1.1.0 cannot run .* split it"):
        plan([wrong], stable=OLD)


def test_a_backfill_that_the_stable_version_would_undo_waits() -> None:
    late = migration("b_fill", "backfill", ">=1.2.0")
    assert plan([late], stable=OLD).held == {
        "b_fill": "stable backend 1.1.0 cannot run with it (runs with >=1.2.0)"
    }
    assert names(plan([late])) == ["b_fill"]


def test_going_back_behind_a_contract_is_refused_with_the_way_forward() -> None:
    with pytest.raises(
        SchemaContractBroken,
        match=r"new backend 1.1.0: .*c_contract runs with >=1.2.0.*c_contract.rollback.sql",
    ):
        plan(has=applied(EXPAND, FILL, CONTRACT), new=OLD)


def test_the_declaration_that_counts_is_the_one_it_was_applied_with() -> None:
    unknown = AppliedMigration("z_of_another_checkout", "0" * 64, Versions(">=1.5.0"))
    with pytest.raises(SchemaContractBroken, match=r"z_of_another_checkout runs with >=1\.5\.0"):
        require_readable(SAFE, [unknown], ALL, who="rollback to")
    require_readable("1.5.0", [unknown], ALL, who="rollback to")


def test_what_was_applied_by_other_means_counts_as_the_file_declares_it() -> None:
    bare = AppliedMigration(CONTRACT.name, None, None)
    with pytest.raises(SchemaContractBroken, match="c_contract"):
        require_readable(OLD, [bare], ALL, who="rollback to")


def test_a_migration_changed_after_it_was_applied_is_named() -> None:
    has = [AppliedMigration(EXPAND.name, "f" * 64, EXPAND.runs_with)]
    with pytest.raises(MigrationChanged, match="migration a_expand: its statements were changed"):
        plan(has=has)


VERSIONS = st.sampled_from(["1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0"])


@st.composite
def _migrations(draw: st.DrawFn) -> list[Migration]:
    made: list[Migration] = []
    for number in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["expand", "backfill", "contract"]))
        since = draw(VERSIONS)
        fields = {"safe_since": since} if kind == "contract" else {}
        if made and draw(st.sampled_from([True, False])):
            fields["depends"] = draw(st.sampled_from(made)).name
        made.append(migration(f"m{number}", kind, f">={since}", **fields))
    return made


@given(
    migrations=_migrations(),
    stable=VERSIONS,
    new=VERSIONS,
    promoted=st.lists(st.tuples(VERSIONS, st.integers(0, 40)), max_size=4),
)
def test_whatever_is_planned_every_serving_version_can_run_and_every_dependency_is_kept(
    migrations: list[Migration], stable: str, new: str, promoted: list[tuple[str, int]]
) -> None:
    history = sorted((NOW - timedelta(days=days), version) for version, days in promoted)
    try:
        found = plan(migrations, stable=stable, new=new, promoted=[(version, at) for at, version in history])
    except SchemaContractBroken:
        return
    assert {m.name for m in found.due} | set(found.held) == {m.name for m in migrations}
    for m in found.due:
        assert stable in m.runs_with
        assert new in m.runs_with
        assert not set(m.depends) & set(found.held)
