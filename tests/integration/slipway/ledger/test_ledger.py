"""The ledger: append-only, chained, once per key; and one release of a service at a time."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Self

import psycopg
import pytest
from slipway.__main__ import main
from slipway.analysis.verdict import Verdict
from slipway.commands.migrate_ledger import migrate_ledger
from slipway.exceptions import ReleaseConflict, ReleaseUnknown
from slipway.ledger.bakes import Bake
from slipway.ledger.entries import GateDecided, ReleaseOpened, RollbackRehearsed, SuiteRun, TrafficShifted
from slipway.ledger.ledger import Ledger
from slipway.ledger.plan import ReleasePlan
from slipway.ledger.store import LedgerStore
from slipway.ledger.timeline import outcome_of, rollback_reason
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.request import plan_release

pytestmark = pytest.mark.sandbox

STABLE = {"netra-backend-prod": {"netra-backend-prod-00001-abc": 100}}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy("release.yaml")


def a_plan(policy: Policy, run_id: str = "first", version: str = "1.1.0") -> ReleasePlan:
    return plan_release(
        {"version": version},
        run_id=run_id,
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )


def suite(number: int) -> SuiteRun:
    return SuiteRun(suite=str(number), tests=number, passed=number)


def test_a_release_is_opened_once_and_keeps_its_policy(ledger: Ledger, policy: Policy) -> None:
    plan = a_plan(policy)
    release = ledger.open_release(
        plan, policy, ReleaseOpened(actor="ada", reason="the spring sale", stable=STABLE)
    )
    assert (release.plan, release.policy, release.stable) == (plan, policy, STABLE)
    again = ledger.open_release(
        plan, policy, ReleaseOpened(actor="bob", stable={"netra-backend-prod": {"other": 100}})
    )
    assert (again.stable, again.actor) == (STABLE, "ada")
    (opened,) = ledger.entries(plan.release_id)
    assert opened.key == "opened"
    assert isinstance(opened.content, ReleaseOpened)
    assert (opened.content.actor, opened.content.reason) == ("ada", "the spring sale")
    assert opened.content.plan_sha256 is not None


def test_an_entry_is_written_once_per_key_and_the_chain_holds(ledger: Ledger, policy: Policy) -> None:
    plan = a_plan(policy)
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable=STABLE))
    first = SuiteRun(suite="e2e", tests=10, passed=9, failed=("für 5 €",))
    assert ledger.append(plan.release_id, first)
    assert not ledger.append(plan.release_id, SuiteRun(suite="e2e", tests=10, passed=10))
    assert ledger.get(plan.release_id, SuiteRun, suite="e2e") == first
    assert ledger.get(plan.release_id, SuiteRun, suite="integration") is None
    assert ledger.verification.of(plan.release_id).holds


def test_entries_bear_the_time_of_the_ledger_whatever_a_worker_takes_it_for(
    ledger: Ledger, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(hours=1)

    monkeypatch.setattr("slipway.ledger.ledger.datetime", Ahead)
    plan = a_plan(policy)
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable=STABLE))
    ledger.close(plan.release_id, outcome="rolled_back", reason="the clock")
    release = ledger.release(plan.release_id)
    assert release.closed_at is not None
    assert max(release.opened_at, release.closed_at) < datetime.now(UTC) + timedelta(minutes=10)
    assert ledger.verification.of(plan.release_id).holds


def test_concurrent_writers_make_one_chain(ledger: Ledger, policy: Policy) -> None:
    plan = a_plan(policy)
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable=STABLE))
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda n: ledger.append(plan.release_id, suite(n % 20)), range(40)))
    assert sum(written) == 20
    assert [entry.sequence for entry in ledger.entries(plan.release_id)] == list(range(1, 22))
    assert ledger.verification.of(plan.release_id).holds


def test_the_database_refuses_to_change_an_entry(
    ledger: Ledger, policy: Policy, ledger_database: str
) -> None:
    plan = a_plan(policy)
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable=STABLE))
    with psycopg.connect(ledger_database) as connection:
        for statement in (
            "UPDATE ledger_entry SET payload = '{}'",
            "DELETE FROM ledger_entry",
            "TRUNCATE ledger_entry",
        ):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"), connection.transaction():
                connection.execute(statement)


def test_a_forged_or_missing_entry_is_found(ledger: Ledger, policy: Policy, ledger_database: str) -> None:
    plan = a_plan(policy)
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable=STABLE))
    for number in range(3):
        ledger.append(plan.release_id, suite(number))
    forgeries = (
        "UPDATE ledger_entry SET payload = '{\"tests\": 7}' WHERE key = 'suite/1'",
        "UPDATE ledger_entry SET at = at + interval '1 s' WHERE key = 'suite/1'",
        "DELETE FROM ledger_entry WHERE key = 'suite/1'",
        "DELETE FROM ledger_entry WHERE key = 'opened'",
    )
    for forgery in forgeries:
        with psycopg.connect(ledger_database) as connection:
            connection.execute("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_is_append_only")
            saved = connection.execute(
                "SELECT * FROM ledger_entry WHERE key IN ('suite/1', 'opened')"
            ).fetchall()
            connection.execute(forgery)
            connection.commit()
            assert not ledger.verification.of(plan.release_id).holds, forgery
            connection.execute("DELETE FROM ledger_entry WHERE key IN ('suite/1', 'opened')")
            for row in saved:
                connection.execute(
                    "INSERT INTO ledger_entry VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    [psycopg.types.json.Jsonb(v) if isinstance(v, dict) else v for v in row],
                )
        assert ledger.verification.of(plan.release_id).holds


def test_a_second_release_of_a_service_is_refused_before_anything_is_written(
    ledger: Ledger, policy: Policy
) -> None:
    first, second = a_plan(policy), a_plan(policy, "second", "1.2.0")
    ledger.open_release(first, policy, ReleaseOpened(actor="ada", stable=STABLE))
    with pytest.raises(
        ReleaseConflict, match=rf"netra-backend-prod: release {first.release_id} \(version 1.1.0, by ada\)"
    ):
        ledger.open_release(second, policy, ReleaseOpened(actor="bob", stable=STABLE))
    with pytest.raises(ReleaseUnknown, match="was never opened"):
        ledger.release(second.release_id)
    assert ledger.close(first.release_id, outcome="promoted", reason="every phase was promoted")
    assert ledger.open_release(second, policy, ReleaseOpened(actor="bob", stable=STABLE)).actor == "bob"


def test_a_lease_runs_out_unless_it_is_renewed(ledger: Ledger, policy: Policy) -> None:
    first, second = a_plan(policy), a_plan(policy, "second", "1.2.0")
    now, place = datetime.now(UTC), policy.environments["production"]
    ledger.open_release(first, policy, ReleaseOpened(actor="ada", stable=STABLE))
    ledger.leases.renew(first.release_id, STABLE, production=place, until=now)
    with pytest.raises(ReleaseConflict, match="until"):
        ledger.leases.require_unlocked(list(STABLE), production=place)  # never brought forward
    _run_out(ledger)
    ledger.leases.renew(first.release_id, STABLE, production=place, until=now + timedelta(hours=1))
    with pytest.raises(ReleaseConflict, match=f"release {first.release_id}"):
        ledger.open_release(second, policy, ReleaseOpened(actor="bob", stable=STABLE))
    _run_out(ledger)
    ledger.leases.require_unlocked(list(STABLE), production=place)
    assert ledger.open_release(second, policy, ReleaseOpened(actor="bob", stable=STABLE)).outcome is None
    with pytest.raises(ReleaseConflict, match=rf"release {second.release_id} \(version 1.2.0, by bob\)"):
        ledger.leases.renew(first.release_id, STABLE, production=place, until=now + timedelta(hours=1))
    assert ledger.close(first.release_id, outcome="rolled_back", reason="its deployment died")
    with pytest.raises(ReleaseConflict, match=f"release {second.release_id}"):
        ledger.leases.require_unlocked(list(STABLE), production=place)


def test_the_operation_of_a_step_is_the_last_one_begun(ledger: Ledger, policy: Policy) -> None:
    release = ledger.open_release(a_plan(policy), policy, ReleaseOpened(actor="ada", stable=STABLE))
    kept = ledger.operations.of(release.release_id, TrafficShifted, phase="canary", component="backend")
    assert kept.name() is None
    kept.keep("projects/p/locations/l/operations/1")
    kept.keep("projects/p/locations/l/operations/2")
    assert kept.name() == "projects/p/locations/l/operations/2"
    assert (
        ledger.operations.of(release.release_id, TrafficShifted, phase="half", component="backend").name()
        is None
    )


def _run_out(ledger: Ledger) -> None:
    with LedgerStore().transaction() as cursor:
        cursor.execute("UPDATE lease SET until = clock_timestamp()")


def test_of_many_releases_at_once_one_is_opened(ledger: Ledger, policy: Policy) -> None:
    def attempt(number: int) -> bool:
        try:
            ledger.open_release(
                a_plan(policy, f"run {number}"), policy, ReleaseOpened(actor="ada", stable=STABLE)
            )
        except ReleaseConflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(12))) == 1


def in_regions(policy: Policy) -> Policy:
    document = policy.model_dump(mode="json")
    document["environments"]["production"]["regions"] = ["us-central1", "europe-west1"]
    return parse_policy(document, source="of the test")


def test_a_service_is_leased_in_one_region_and_free_in_another(ledger: Ledger, policy: Policy) -> None:
    first, (name,) = in_regions(policy), STABLE
    second = first.in_region("europe-west1")
    ledger.open_release(a_plan(policy), first, ReleaseOpened(actor="ada", stable=STABLE))
    ledger.leases.require_unlocked([name], production=second.environments["production"])
    with pytest.raises(
        ReleaseConflict, match=rf"service netra-production/us-central1/{name}: release v1-1-0-"
    ):
        ledger.leases.require_unlocked([name], production=policy.environments["production"])
    ledger.open_release(a_plan(policy, "second"), second, ReleaseOpened(actor="ada", stable=STABLE))
    with pytest.raises(
        ReleaseConflict, match=rf"service netra-production/europe-west1/{name}: release v1-1-0-"
    ):
        ledger.open_release(a_plan(policy, "third"), second, ReleaseOpened(actor="bob", stable=STABLE))


def in_project(policy: Policy, project_id: str) -> Policy:
    document = policy.model_dump(mode="json")
    document["environments"]["production"]["project_id"] = project_id
    return parse_policy(document, source="of the test")


def test_services_of_one_name_in_two_projects_do_not_lock_each_other(ledger: Ledger, policy: Policy) -> None:
    other = in_project(policy, "another-production")
    first, second = a_plan(policy), a_plan(other, "second")
    ledger.open_release(first, policy, ReleaseOpened(actor="ada", stable=STABLE))
    ledger.open_release(second, other, ReleaseOpened(actor="bob", stable=STABLE))
    ledger.close(first.release_id, outcome="promoted", reason="every phase was promoted")
    ledger.leases.require_unlocked(list(STABLE), production=policy.environments["production"])
    with pytest.raises(ReleaseConflict, match=f"another-production/.*: release {second.release_id} "):
        ledger.leases.require_unlocked(list(STABLE), production=other.environments["production"])


def test_a_lock_of_an_earlier_version_names_no_project_and_holds_until_its_release_ends(
    ledger: Ledger, policy: Policy
) -> None:
    first, second, place = (
        a_plan(policy),
        a_plan(policy, "second", "1.2.0"),
        policy.environments["production"],
    )
    other, later = in_project(policy, "another-production"), datetime.now(UTC) + timedelta(days=1)
    ledger.open_release(first, policy, ReleaseOpened(actor="ada", stable=STABLE))
    with LedgerStore().transaction() as cursor:
        cursor.execute("UPDATE lease SET service = 'us-central1/netra-backend-prod'")
    ledger.leases.renew(first.release_id, STABLE, production=place, until=later)
    with pytest.raises(ReleaseConflict, match=f"release {first.release_id}.*{later:%Y-%m-%d}"):
        ledger.leases.require_unlocked(list(STABLE), production=place)
    with pytest.raises(ReleaseConflict, match=f"release {first.release_id}"):
        ledger.open_release(second, policy, ReleaseOpened(actor="bob", stable=STABLE))
    third = a_plan(other, "third")
    ledger.open_release(third, other, ReleaseOpened(actor="bob", stable=STABLE))
    _run_out(ledger)
    ledger.open_release(second, policy, ReleaseOpened(actor="bob", stable=STABLE))
    with pytest.raises(ReleaseConflict, match=f"release {second.release_id}"):
        ledger.leases.renew(first.release_id, STABLE, production=place, until=later)
    ledger.leases.renew(third.release_id, STABLE, production=other.environments["production"], until=later)


def test_the_newest_entry_is_of_the_products_own_releases(ledger: Ledger, policy: Policy) -> None:
    document = policy.model_dump(mode="json") | {"name": "another"}
    document["environments"]["production"]["project_id"] = "another-production"
    other = parse_policy(document, source="of the test")
    first, second = a_plan(policy), a_plan(other, "second")
    ledger.open_release(first, policy, ReleaseOpened(actor="ada", stable=STABLE))
    ledger.open_release(second, other, ReleaseOpened(actor="bob", stable=STABLE))
    rehearsed = RollbackRehearsed(passed=True, service="web", limit_seconds=300, before={}, reason="in time")
    ledger.append(second.release_id, rehearsed)
    assert ledger.newest(RollbackRehearsed, policy_name=policy.name, passed=True) is None
    assert ledger.newest(RollbackRehearsed, policy_name="another", passed=False) is None
    found = ledger.newest(RollbackRehearsed, policy_name="another", passed=True, service="web")
    assert found is not None
    assert found[0] == rehearsed


def test_two_products_released_at_once_lock_and_free_their_own_services(
    ledger: Ledger, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_REGISTRY_PORT", "5000")
    rates = load_policy("sandbox-rates.yaml")
    # The same version in the same region, as two products may have it.
    first, second = a_plan(policy, "first"), a_plan(rates, "second")
    ledger.open_release(first, policy, ReleaseOpened(actor="ada", stable=STABLE))
    ledger.open_release(second, rates, ReleaseOpened(actor="bob", stable={"exchange-rates": {"old": 100}}))
    ledger.close(first.release_id, outcome="promoted", reason="every phase was promoted")
    ledger.leases.require_unlocked(list(STABLE), production=policy.environments["production"])
    with pytest.raises(ReleaseConflict, match=rf"exchange-rates: release {second.release_id} "):
        ledger.leases.require_unlocked(["exchange-rates"], production=rates.environments["production"])
    assert [entry.key for entry in ledger.entries(second.release_id)] == ["opened"]


def test_a_version_is_promoted_region_by_region_and_out_when_the_last_has_it(
    ledger: Ledger, policy: Policy
) -> None:
    first = in_regions(policy)
    for run, place in (("one", first), ("two", first.in_region("europe-west1"))):
        assert ledger.promoted(policy.name, "1.1.0", place.region) is None
        assert ledger.promotions(policy.name) == []
        plan = a_plan(policy, run)
        ledger.open_release(plan, place, ReleaseOpened(actor="ada", stable=STABLE))
        assert ledger.promoted(policy.name, "1.1.0", place.region) is None
        ledger.close(plan.release_id, outcome="promoted", reason="every phase was promoted")
        found = ledger.promoted(policy.name, "1.1.0", place.region)
        assert found is not None
        assert (found.release_id, found.policy.region) == (plan.release_id, place.region)
        assert ledger.promoted(policy.name, "1.2.0", place.region) is None
    assert [version for version, _ in ledger.promotions(policy.name)] == ["1.1.0"]


def test_the_release_of_a_version_that_ended_last_is_found(ledger: Ledger, policy: Policy) -> None:
    def last() -> str | None:
        found = ledger.last_of_version(policy.name, "1.1.0", policy.region)
        return None if found is None else found.release_id

    for run in ("one", "two"):
        plan, before = a_plan(policy, run), last()
        ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable=STABLE))
        assert last() == before, "it has not ended"
        ledger.close(plan.release_id, outcome="rolled_back", reason="5 % errors")
        assert last() == plan.release_id
    assert ledger.last_of_version(policy.name, "1.1.0", "elsewhere") is None
    assert ledger.last_of_version(policy.name, "9.9.9", policy.region) is None


def test_how_a_release_ended_is_said_once(ledger: Ledger, policy: Policy) -> None:
    plan = a_plan(policy)
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable=STABLE))
    ledger.append(plan.release_id, GateDecided(phase="canary", verdict=Verdict.ROLLBACK, reason="5 % errors"))
    reason = rollback_reason(ledger.entries(plan.release_id))
    assert reason == "canary: 5 % errors"
    assert ledger.close(plan.release_id, outcome="rolled_back", reason=reason)
    assert not ledger.close(plan.release_id, outcome="promoted", reason="no")
    release = ledger.release(plan.release_id)
    assert (outcome_of(release), release.reason) == ("rolled back", reason)
    assert [entry.key for entry in ledger.entries(plan.release_id)][-1] == "closed"


def test_nothing_is_written_for_a_release_that_was_never_opened(ledger: Ledger) -> None:
    with pytest.raises(ReleaseUnknown, match="release v0: was never opened"):
        ledger.append("v0", suite(1))


def test_the_schema_is_applied_once(ledger: Ledger) -> None:
    assert migrate_ledger() == []


def test_a_refused_request_is_listed_with_every_reason_until_its_run_opens_a_release(
    ledger: Ledger, policy: Policy
) -> None:
    plan = a_plan(policy, "refused")
    asked = {"version": "1.1.0", "reason": "the spring sale"}
    for task, reason in [("check_schema", "a"), ("check_metrics", "b"), ("check_schema", "c")]:
        ledger.refused.keep(
            release_id=plan.release_id,
            version=plan.version,
            run_id=plan.run_id,
            actor="ada",
            request=asked,
            task=task,
            reason=reason,
        )
    ledger.refused.notified(plan.run_id, "via slipway_team")
    refused = ledger.refused.of_run(plan.run_id)
    assert refused is not None
    assert (refused.actor, refused.request, refused.notified) == ("ada", asked, "via slipway_team")
    assert refused.reasons == {"check_schema": "c", "check_metrics": "b"}
    assert ledger.refused.newest(limit=1) == [refused]
    ledger.open_release(plan, policy, ReleaseOpened(actor="ada", stable={}))
    assert ledger.refused.of_run(plan.run_id) is None
    assert refused not in ledger.refused.newest(limit=10)


#: What the application's role may change of each table; of every other one nothing.
CHANGED = {
    "lease": {"release_id", "taken_at", "until", "DELETE"},
    "operation": {"name", "begun_at"},
    "refused_request": {"reasons", "notified"},
    "bake_check": {"decision", "series", "checked_at"},
}
#: The record: nobody changes it, the owner of the tables neither.
RECORD = {"opened_release", "ledger_entry", "drawing"}


def test_the_applications_role_can_change_nothing_of_the_record(
    ledger: Ledger, policy: Policy, ledger_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(ledger_database, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS releases")
        connection.execute("CREATE ROLE releases LOGIN PASSWORD 'releases'")
        assert ledger.verification.changeable() == sorted(RECORD)
        assert main(["migrate-ledger", "--application", "releases"]) == 0
        may = {
            (table, name)
            for table, columns in connection.execute(
                "SELECT relname, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = pg_class.oid"
                " AND attnum > 0 AND NOT attisdropped) FROM pg_class"
                " WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = 'public'::regnamespace"
            ).fetchall()
            for name in [*columns, "DELETE", "TRUNCATE"]
            if connection.execute(
                "SELECT has_table_privilege('releases', %(table)s, %(name)s)"
                if name in ("DELETE", "TRUNCATE")
                else "SELECT has_column_privilege('releases', %(table)s, %(name)s, 'UPDATE')",
                {"table": table, "name": name},
            ).fetchone()
            == (True,)
        }
        assert may == {(table, name) for table, names in CHANGED.items() for name in names}
        guarded = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%_is_append_only'"
        assert {name for (name,) in connection.execute(guarded)} == RECORD
    own = json.loads(os.environ["AIRFLOW_CONN_SLIPWAY_LEDGER"]) | {
        "login": "releases",
        "password": "releases",
    }
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_LEDGER", json.dumps(own))
    as_role, plan = Ledger(), a_plan(policy)
    release = as_role.open_release(plan, policy, ReleaseOpened(actor="ada", stable=STABLE))
    until = datetime.now(UTC) + timedelta(hours=1)
    as_role.leases.renew(plan.release_id, STABLE, production=policy.environments["production"], until=until)
    kept = as_role.operations.of(plan.release_id, TrafficShifted, phase="canary", component="backend")
    kept.keep("one")
    kept.keep("two")
    as_role.drawings.keep(plan.release_id, Bake("canary"), "<svg/>")
    asked: dict[str, Any] = {
        "release_id": "v2",
        "version": "2.0.0",
        "run_id": "v2",
        "actor": "ada",
        "request": {},
    }
    for reason in ("a", "b"):
        as_role.refused.keep(**asked, task="check", reason=reason)
    as_role.refused.notified("v2", "via slipway_team")
    assert as_role.close(release.release_id, outcome="promoted", reason="a test")
    assert as_role.verification.of(release.release_id).holds
    assert as_role.verification.changeable() == []
    for table in RECORD:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), LedgerStore().transaction() as cursor:
            cursor.execute(f"DELETE FROM {table}")
