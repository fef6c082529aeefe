"""Whatever a superuser of the ledger's database does to the record, its verification finds and names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from slipway.__main__ import main
from slipway.ledger.anchors import Head
from slipway.ledger.chain import GENESIS, canonical, entry_hash
from slipway.ledger.entries import ReleaseClosed, SuiteRun, TrafficRestored
from slipway.ledger.ledger import Ledger, Release

from tests.integration.slipway.releases import open_release, shift

pytestmark = pytest.mark.sandbox
Connection = psycopg.Connection[Any]
Forge = Callable[[Connection, str], object]


def remake(connection: Connection, release: str) -> None:
    """Number the entries of a release anew and make every hash again, so that the chain holds."""
    rows = connection.execute(
        "SELECT ctid::text, key, at, payload FROM ledger_entry WHERE release_id = %s ORDER BY sequence",
        (release,),
    ).fetchall()
    connection.execute("UPDATE ledger_entry SET sequence = sequence + 1000 WHERE release_id = %s", (release,))
    previous = GENESIS
    for number, (_, key, at, payload) in enumerate(rows, start=1):
        own = entry_hash(previous, release, number, key, at, canonical(payload))
        connection.execute(
            "UPDATE ledger_entry SET sequence = %s, previous_hash = %s, hash = %s"
            " WHERE release_id = %s AND key = %s",
            (number, previous, own, release, key),
        )
        previous = own


def add(connection: Connection, release: str, sequence: int, key: str, payload: dict[str, Any]) -> None:
    """Add an entry with any hash."""
    connection.execute(
        "INSERT INTO ledger_entry VALUES (%s, %s, %s, now(), %s, '', %s)",
        (release, sequence, key, Jsonb(payload), f"{release}{sequence}"),
    )


def also(forge: Forge) -> Forge:
    """Make the chain whole again after a forgery."""

    def both(connection: Connection, release: str) -> None:
        forge(connection, release)
        remake(connection, release)

    return both


def sql(text: str) -> Forge:
    """Run statements about the release."""

    def forge(connection: Connection, release: str) -> None:
        for statement in text.split(";"):
            connection.execute(statement.replace("RELEASE", f"release_id = '{release}'"))

    return forge


CHANGE = sql(
    "UPDATE ledger_entry SET payload = payload || '{\"passed\": 7}' WHERE RELEASE AND key = 'suite/1'"
)
DELETE = sql("DELETE FROM ledger_entry WHERE RELEASE AND key = 'suite/1'")
SWAP = sql(
    "UPDATE ledger_entry SET sequence = 99 WHERE RELEASE AND sequence = 3;"
    "UPDATE ledger_entry SET sequence = 3 WHERE RELEASE AND sequence = 4;"
    "UPDATE ledger_entry SET sequence = 4 WHERE RELEASE AND sequence = 99"
)
MAKE_ROOM = sql(
    "UPDATE ledger_entry SET sequence = sequence + 100 WHERE RELEASE AND sequence > 3;"
    "UPDATE ledger_entry SET sequence = sequence - 99 WHERE RELEASE AND sequence > 100"
)


def put_in(connection: Connection, release: str) -> None:
    """Put an entry in between."""
    MAKE_ROOM(connection, release)
    add(connection, release, 4, "suite/9", {})


OUTCOME = sql(
    'UPDATE ledger_entry SET payload = payload || \'{"outcome": "rolled_back"}\''
    " WHERE RELEASE AND key = 'closed'"
)
FORGERIES: dict[str, tuple[Forge, str]] = {
    "changed": (CHANGE, "entry 4 (suite/1) was changed"),
    "changed, hashes made again": (also(CHANGE), "is not the one that is anchored"),
    "moment changed": (
        sql("UPDATE ledger_entry SET at = at + interval '1 s' WHERE RELEASE AND key = 'suite/1'"),
        "entry 4 (suite/1) was changed",
    ),
    "deleted": (DELETE, "entry 4 is missing"),
    "deleted, hashes made again": (also(DELETE), "entries 6 to 6 are missing: an anchor or label has them"),
    "first deleted": (sql("DELETE FROM ledger_entry WHERE RELEASE AND sequence = 1"), "entry 1 is missing"),
    "reordered": (SWAP, "entry 3 (suite/1) was written as entry 4: it was moved"),
    "reordered, hashes made again": (also(SWAP), "is not the one that is anchored"),
    "cut at the end": (
        sql("DELETE FROM ledger_entry WHERE RELEASE AND sequence > 4"),
        "entries 5 to 6 are missing: an anchor or label has them",
    ),
    "all deleted": (sql("DELETE FROM ledger_entry WHERE RELEASE"), "all of its entries are missing"),
    "put in": (
        put_in,
        "entry 4 (suite/9) was changed",
    ),
    "put in, hashes made again": (
        also(put_in),
        "is not the one that is anchored",
    ),
    "added at the end": (
        lambda connection, release: add(connection, release, 7, "suite/9", {}),
        "entry 7 (suite/9) was changed",
    ),
    "another end added, hashes made again": (
        also(
            lambda connection, release: add(connection, release, 7, "rolled_back/promotion", {"reason": "x"})
        ),
        "entry 7 (rolled_back/promotion) ends the release, and has no anchor",
    ),
    "outcome changed": (OUTCOME, "entry 6 (closed) was changed"),
    "outcome changed, hashes made again": (also(OUTCOME), "entry 6 (closed) is not the one that is anchored"),
    "release removed": (
        sql(
            "DELETE FROM ledger_entry WHERE RELEASE; DELETE FROM lease WHERE RELEASE;"
            "DELETE FROM opened_release WHERE RELEASE"
        ),
        "entries 1 to 6 are missing: an anchor or label has them",
    ),
    "row removed": (
        sql("DELETE FROM lease WHERE RELEASE; DELETE FROM opened_release WHERE RELEASE"),
        "its row is missing",
    ),
    **{
        f"{column} of the row changed": (
            sql(f"UPDATE opened_release SET {column} = {value} WHERE RELEASE"),
            f"{column} of its row was changed",
        )
        for column, value in {
            "actor": "'eve'",
            "version": "'9.9.9'",
            "run_id": "'another'",
            "stable": "'{}'",
            "plan": "jsonb_set(plan, '{release_again}', 'true')",
            "policy": "jsonb_set(policy, '{lease_seconds}', '1')",
            "opened_at": "opened_at - interval '1 day'",
        }.items()
    },
}


@pytest.fixture
def release(ledger: Ledger) -> Release:
    """A promoted release with six entries, and another one that nobody touches."""
    other = open_release(ledger, "1.0.0", stable={"another": {"one": 100}})
    release = open_release(ledger, "1.1.0")
    shift(ledger, release, "canary", 10)
    for number in range(3):
        ledger.append(release.release_id, SuiteRun(suite=str(number), tests=number, passed=number))
    ledger.close(release.release_id, outcome="promoted", reason="every phase was promoted")
    ledger.verification.anchor_every()
    assert all(found.holds for found in ledger.verification.every())
    assert {found.release_id for found in ledger.verification.every()} == {
        release.release_id,
        other.release_id,
    }
    return release


def test_every_forgery_is_found_and_named(
    release: Release, ledger: Ledger, ledger_database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    missed = []
    for name, (forge, said) in FORGERIES.items():
        connection: Connection
        with psycopg.connect(ledger_database) as connection:
            connection.execute("SET session_replication_role = replica")
            saved = {
                table: connection.execute(f"SELECT * FROM {table}").fetchall()
                for table in ("opened_release", "ledger_entry", "lease")
            }
            forge(connection, release.release_id)
            connection.commit()
            code = main(["verify", "--all"])
            found = capsys.readouterr()
            if code != 1 or said not in found.err or found.err.count("\n") != 1:
                missed.append(f"{name}: {found.err}")
            for table, rows in saved.items():
                connection.execute(f"DELETE FROM {table}")
                for row in rows:
                    places = ", ".join(["%s"] * len(row))
                    values = [Jsonb(value) if isinstance(value, dict) else value for value in row]
                    connection.execute(f"INSERT INTO {table} VALUES ({places})", values)
        assert main(["verify", "--all"]) == 0, (name, capsys.readouterr())
        capsys.readouterr()
    assert missed == []


def test_what_is_added_with_an_earlier_moment_is_found_and_what_is_written_later_holds(
    release: Release, ledger: Ledger, ledger_database: str
) -> None:
    ledger.append(release.release_id, SuiteRun(suite="later", tests=1, passed=1))
    assert ledger.verification.of(release.release_id).holds
    with psycopg.connect(ledger_database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE ledger_entry SET at = at - interval '1 hour' WHERE sequence = 7")
        remake(connection, release.release_id)
    assert "entry 7 (suite/later) was added later" in ledger.verification.of(release.release_id).sentence


def test_the_outcome_is_what_the_entries_say(ledger: Ledger) -> None:
    release = open_release(ledger, "1.1.0")
    assert (
        ledger.release(release.release_id).outcome,
        ledger.close(release.release_id, outcome="promoted", reason="a"),
    ) == (None, True)
    closed = ledger.release(release.release_id)
    assert (closed.outcome, closed.reason, closed.closed_at) == (
        "promoted",
        "a",
        ledger.entries(release.release_id)[-1].at,
    )
    assert not ledger.close(release.release_id, outcome="rolled_back", reason="b")
    ledger.append(release.release_id, TrafficRestored(reason="c", changes={}))
    assert ledger.close(release.release_id, outcome="rolled_back", reason="c")
    assert not ledger.close(release.release_id, outcome="rolled_back", reason="d")
    undone = ledger.release(release.release_id)
    assert (undone.outcome, undone.reason) == ("rolled_back", "c")
    assert ledger.get(release.release_id, ReleaseClosed) == ReleaseClosed(outcome="promoted", reason="a")


def test_without_anchors_an_end_is_reported_and_an_export_says_nothing_is_anchored(
    release: Release, ledger: Ledger, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "anchors")
    found = ledger.verification.of(release.release_id)
    assert "entry 6 (closed) ends the release, and has no anchor" in found.sentence
    export = ledger.verification.export(release.release_id, ledger.entries(release.release_id))
    assert (export.holds, export.anchored) == (True, 0)


def test_anchors_that_cannot_be_read_are_said_and_a_release_closes_without_them(
    ledger: Ledger, tmp_path: Path
) -> None:
    release = open_release(ledger, "1.1.0")
    shutil.rmtree(tmp_path / "anchors")
    (tmp_path / "anchors").mkdir()
    (tmp_path / "anchors" / "heads").write_text("no folder")
    assert ledger.close(release.release_id, outcome="rolled_back", reason="a test")
    (tmp_path / "anchors" / "days").mkdir()
    (tmp_path / "anchors" / "days" / "2026-01-31.json").write_text("{")
    found = ledger.verification.of(release.release_id)
    assert (found.holds, found.anchored) == (True, None)
    assert "cannot be read" in found.sentence


def test_a_services_label_finds_what_was_removed_with_its_anchors(
    release: Release, ledger: Ledger, ledger_database: str, tmp_path: Path
) -> None:
    head = ledger.head(release.release_id)
    assert head is not None
    label = Head.of_label(release.release_id, head.label)
    assert all(found.holds for found in ledger.verification.every([label]))
    shutil.rmtree(tmp_path / "anchors" / "heads" / release.release_id)
    with psycopg.connect(ledger_database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM ledger_entry WHERE release_id = %s", (release.release_id,))
        connection.execute("DELETE FROM opened_release WHERE release_id = %s", (release.release_id,))
    (wrong,) = (found for found in ledger.verification.every([label]) if not found.holds)
    assert wrong.release_id == release.release_id
    assert "entries 1 to 6 are missing" in wrong.sentence


def test_an_anchor_says_what_it_holds(release: Release, ledger: Ledger, tmp_path: Path) -> None:
    (first, last) = sorted((tmp_path / "anchors" / "heads" / release.release_id).iterdir())
    held = json.loads(last.read_text())
    entry = ledger.entries(release.release_id)[-1]
    assert first.name.startswith("000001-")
    assert (held["release"], held["sequence"], held["hash"]) == (release.release_id, 6, entry.hash)
    assert datetime.fromisoformat(held["anchored_at"]) >= entry.at
