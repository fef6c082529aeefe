"""The ledger: append-only, chained, once per key; and one release of a service at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from slipway.commands.migrate_ledger import migrate_ledger
from slipway.exceptions import ReleaseConflict, ReleaseUnknown
from slipway.ledger.ledger import Ledger
from slipway.ledger.outcome import outcome_of, rollback_reason
from slipway.ledger.plan import ReleasePlan, plan_release
from slipway.policy.release import Policy, load_policy, parse_policy

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


def test_a_release_is_opened_once_and_keeps_its_policy(ledger: Ledger, policy: Policy) -> None:
    plan = a_plan(policy)
    release = ledger.open_release(plan, policy, STABLE, actor="ada", reason="the spring sale")
    assert (release.plan, release.policy, release.stable) == (plan, policy, STABLE)
    again = ledger.open_release(plan, policy, {"netra-backend-prod": {"other": 100}}, actor="bob")
    assert (again.stable, again.actor) == (STABLE, "ada")
    (opened,) = ledger.entries(plan.release_id)
    assert opened.key == "opened"
    assert opened.payload == {"actor": "ada", "reason": "the spring sale", "stable": STABLE}


def test_an_entry_is_written_once_per_key_and_the_chain_holds(ledger: Ledger, policy: Policy) -> None:
    plan = a_plan(policy)
    ledger.open_release(plan, policy, STABLE, actor="ada")
    assert ledger.append(plan.release_id, "shifted/canary", {"percent": 10, "share": 0.1})
    assert not ledger.append(plan.release_id, "shifted/canary", {"percent": 50})
    assert ledger.entry(plan.release_id, "shifted/canary") == {"percent": 10, "share": 0.1}
    assert ledger.entry(plan.release_id, "shifted/half") is None
    assert ledger.verify(plan.release_id)


def test_concurrent_writers_make_one_chain(ledger: Ledger, policy: Policy) -> None:
    plan = a_plan(policy)
    ledger.open_release(plan, policy, STABLE, actor="ada")
    with ThreadPoolExecutor(8) as pool:
        written = list(
            pool.map(lambda n: ledger.append(plan.release_id, f"key/{n % 20}", {"n": n % 20}), range(40))
        )
    assert sum(written) == 20
    assert [entry.sequence for entry in ledger.entries(plan.release_id)] == list(range(1, 22))
    assert ledger.verify(plan.release_id)


def test_the_database_refuses_to_change_an_entry(ledger: Ledger, policy: Policy, empty_database: str) -> None:
    plan = a_plan(policy)
    ledger.open_release(plan, policy, STABLE, actor="ada")
    with psycopg.connect(empty_database) as connection:
        for statement in (
            "UPDATE ledger_entry SET payload = '{}'",
            "DELETE FROM ledger_entry",
            "TRUNCATE ledger_entry",
        ):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"), connection.transaction():
                connection.execute(statement)


def test_a_forged_or_missing_entry_is_found(ledger: Ledger, policy: Policy, empty_database: str) -> None:
    plan = a_plan(policy)
    ledger.open_release(plan, policy, STABLE, actor="ada")
    for number in range(3):
        ledger.append(plan.release_id, f"key/{number}", {"n": number})
    forgeries = (
        "UPDATE ledger_entry SET payload = '{\"n\": 7}' WHERE key = 'key/1'",
        "UPDATE ledger_entry SET at = at + interval '1 s' WHERE key = 'key/1'",
        "DELETE FROM ledger_entry WHERE key = 'key/1'",
        "DELETE FROM ledger_entry WHERE key = 'opened'",
    )
    for forgery in forgeries:
        with psycopg.connect(empty_database) as connection:
            connection.execute("ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_is_append_only")
            saved = connection.execute(
                "SELECT * FROM ledger_entry WHERE key IN ('key/1', 'opened')"
            ).fetchall()
            connection.execute(forgery)
            connection.commit()
            assert not ledger.verify(plan.release_id), forgery
            connection.execute("DELETE FROM ledger_entry WHERE key IN ('key/1', 'opened')")
            for row in saved:
                connection.execute(
                    "INSERT INTO ledger_entry VALUES (%s, %s, %s, %s, %s, %s, %s)",
                    [psycopg.types.json.Jsonb(v) if isinstance(v, dict) else v for v in row],
                )
        assert ledger.verify(plan.release_id)


def test_a_second_release_of_a_service_is_refused_before_anything_is_written(
    ledger: Ledger, policy: Policy
) -> None:
    first, second = a_plan(policy), a_plan(policy, "second", "1.2.0")
    ledger.open_release(first, policy, STABLE, actor="ada")
    with pytest.raises(
        ReleaseConflict, match=rf"netra-backend-prod: release {first.release_id} \(version 1.1.0, by ada\)"
    ):
        ledger.open_release(second, policy, STABLE, actor="bob")
    with pytest.raises(ReleaseUnknown, match="was never opened"):
        ledger.release(second.release_id)
    assert ledger.close(first.release_id, outcome="promoted", reason="every phase was promoted")
    assert ledger.open_release(second, policy, STABLE, actor="bob").actor == "bob"


def test_a_lease_runs_out_unless_it_is_renewed(ledger: Ledger, policy: Policy) -> None:
    first, second = a_plan(policy), a_plan(policy, "second", "1.2.0")
    now = datetime.now(UTC)
    ledger.open_release(first, policy, STABLE, actor="ada")
    ledger.renew_leases(first.release_id, STABLE, region="us-central1", until=now)
    with pytest.raises(ReleaseConflict, match="until"):
        ledger.require_unlocked(list(STABLE), region="us-central1")  # never brought forward
    _run_out(ledger)
    ledger.renew_leases(first.release_id, STABLE, region="us-central1", until=now + timedelta(hours=1))
    with pytest.raises(ReleaseConflict, match=f"release {first.release_id}"):
        ledger.open_release(second, policy, STABLE, actor="bob")
    _run_out(ledger)
    ledger.require_unlocked(list(STABLE), region="us-central1")
    assert ledger.open_release(second, policy, STABLE, actor="bob").outcome is None
    with pytest.raises(ReleaseConflict, match=rf"release {second.release_id} \(version 1.2.0, by bob\)"):
        ledger.renew_leases(first.release_id, STABLE, region="us-central1", until=now + timedelta(hours=1))
    assert ledger.close(first.release_id, outcome="rolled_back", reason="its deployment died")
    with pytest.raises(ReleaseConflict, match=f"release {second.release_id}"):
        ledger.require_unlocked(list(STABLE), region="us-central1")


def test_the_operation_of_a_step_is_the_last_one_begun(ledger: Ledger, policy: Policy) -> None:
    release = ledger.open_release(a_plan(policy), policy, STABLE, actor="ada")
    kept = ledger.operation(release.release_id, "shifted/canary/backend")
    assert kept.name() is None
    kept.keep("projects/p/locations/l/operations/1")
    kept.keep("projects/p/locations/l/operations/2")
    assert kept.name() == "projects/p/locations/l/operations/2"
    assert ledger.operation(release.release_id, "shifted/half/backend").name() is None


def _run_out(ledger: Ledger) -> None:
    with ledger._transaction() as cursor:
        cursor.execute("UPDATE lease SET until = clock_timestamp()")


def test_of_many_releases_at_once_one_is_opened(ledger: Ledger, policy: Policy) -> None:
    def attempt(number: int) -> bool:
        try:
            ledger.open_release(a_plan(policy, f"run {number}"), policy, STABLE, actor="ada")
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
    ledger.open_release(a_plan(policy), first, STABLE, actor="ada")
    ledger.require_unlocked([name], region="europe-west1")
    with pytest.raises(ReleaseConflict, match=rf"service us-central1/{name}: release v1-1-0-"):
        ledger.require_unlocked([name], region="us-central1")
    ledger.open_release(a_plan(policy, "second"), second, STABLE, actor="ada")
    with pytest.raises(ReleaseConflict, match=rf"service europe-west1/{name}: release v1-1-0-"):
        ledger.open_release(a_plan(policy, "third"), second, STABLE, actor="bob")


def test_a_version_is_promoted_region_by_region_and_out_when_the_last_has_it(
    ledger: Ledger, policy: Policy
) -> None:
    first = in_regions(policy)
    for run, place in (("one", first), ("two", first.in_region("europe-west1"))):
        assert ledger.promoted(policy.name, "1.1.0", place.region) is None
        assert ledger.promotions(policy.name) == []
        plan = a_plan(policy, run)
        ledger.open_release(plan, place, STABLE, actor="ada")
        assert ledger.promoted(policy.name, "1.1.0", place.region) is None
        ledger.close(plan.release_id, outcome="promoted", reason="every phase was promoted")
        found = ledger.promoted(policy.name, "1.1.0", place.region)
        assert found is not None
        assert (found.release_id, found.policy.region) == (plan.release_id, place.region)
        assert ledger.promoted(policy.name, "1.2.0", place.region) is None
    assert [version for version, _ in ledger.promotions(policy.name)] == ["1.1.0"]


def test_how_a_release_ended_is_said_once(ledger: Ledger, policy: Policy) -> None:
    plan = a_plan(policy)
    ledger.open_release(plan, policy, STABLE, actor="ada")
    ledger.append(
        plan.release_id, "gate/canary", {"verdict": "rollback", "phase": "canary", "reason": "5 % errors"}
    )
    reason = rollback_reason(ledger.entries(plan.release_id))
    assert reason == "canary: 5 % errors"
    assert ledger.close(plan.release_id, outcome="rolled_back", reason=reason)
    assert not ledger.close(plan.release_id, outcome="promoted", reason="no")
    release = ledger.release(plan.release_id)
    assert (outcome_of(release), release.reason) == ("rolled back", reason)
    assert [entry.key for entry in ledger.entries(plan.release_id)][-1] == "closed"


def test_nothing_is_written_for_a_release_that_was_never_opened(ledger: Ledger) -> None:
    with pytest.raises(ReleaseUnknown, match="release v0: was never opened"):
        ledger.append("v0", "shifted/canary", {})


def test_the_schema_is_applied_once(ledger: Ledger) -> None:
    assert migrate_ledger() == []
