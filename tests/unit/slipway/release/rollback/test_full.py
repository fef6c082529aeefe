"""The tier full: services beside the release return, and what is not as it was is named."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from slipway.exceptions import ServiceNotFound
from slipway.ledger.entries import FullyRestored, ReleaseOpened, SplitChange, TargetRecord
from slipway.ledger.ledger import Release
from slipway.operators import rollback_full
from slipway.operators.rollback_full import RestoreWholeOperator
from slipway.release.rollback import full
from slipway.release.rollback.full import differences, promoted_revisions, read_whole, restore_others
from slipway.release.rollback.target import RollbackTarget

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

BACKEND, AUTH, FRONTEND = "netra-backend-prod", "netra-auth-prod", "netra-frontend-prod"


@pytest.fixture
def ledger() -> FakeLedger:
    """A promoted release of everything, then one of the backend alone, which is rolled back."""
    made = FakeLedger()
    made.close(opened(made, "first").release_id, outcome="promoted", reason="every phase was promoted")
    second = opened(made, "second")
    only = second.plan.model_copy(update={"services": {"backend": second.plan.services["backend"]}})
    made.opened[second.release_id] = replace(second, plan=only, stable={BACKEND: {"old": 100}})
    made.close(second.release_id, outcome="rolled_back", reason="5 % errors")
    return made


def first(ledger: FakeLedger) -> Release:
    return next(release for release in ledger.opened.values() if release.run_id == "first")


def second(ledger: FakeLedger) -> Release:
    return next(release for release in ledger.opened.values() if release.run_id == "second")


def promoted(ledger: FakeLedger, key: str) -> str:
    return first(ledger).plan.services[key].revisions["production"]


class Hook:
    """Cloud Run: what serves each service, and who has locked it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **serving: dict[str, int]) -> None:
        self.serving = {name.replace("_", "-"): split for name, split in serving.items()}
        self.locked: dict[str, str] = {}
        self.written: list[str] = []
        monkeypatch.setattr("slipway.hooks.cloud_run.hook.serving_split", lambda live: live.split)
        monkeypatch.setattr("slipway.hooks.cloud_run.hook.foreign_lease", lambda live, _: live.lock)

    def get_service(self, address: Any) -> Any:
        if address.service not in self.serving:
            raise ServiceNotFound(address.service)
        split, lock = self.serving[address.service], self.locked.get(address.service)
        return SimpleNamespace(split=split, lock=lock, etag="1")

    def set_traffic(self, address: Any, *, split: dict[str, int], **_: Any) -> Any:
        before, self.serving[address.service] = self.serving[address.service], split
        self.written.append(address.service)
        return SimpleNamespace(before=before, after=split, changed=before != split)


def test_services_beside_the_release_return_to_what_was_promoted_last(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth, frontend = promoted(ledger, "auth"), promoted(ledger, "frontend")
    assert promoted_revisions(second(ledger), ledger) == {AUTH: auth, FRONTEND: frontend}
    hook: Any = Hook(monkeypatch, netra_auth_prod={"by-hand": 100}, netra_frontend_prod={"newer": 100})
    hook.locked[FRONTEND] = "v9-9-9-abcdef"
    changes = restore_others(second(ledger), hook, ledger)
    assert (changes[AUTH].before, changes[AUTH].after, changes[AUTH].changed) == (
        {"by-hand": 100},
        {auth: 100},
        True,
    )
    assert (changes[FRONTEND].changed, hook.written) == (False, [AUTH])
    assert "v9-9-9-abcdef holds it" in str(changes[FRONTEND].note)
    assert not restore_others(second(ledger), hook, ledger)[AUTH].changed, "done again it changes nothing"


def test_a_release_of_every_service_has_none_beside_it(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook: Any = Hook(monkeypatch)
    assert restore_others(first(ledger), hook, ledger) == {}


def test_a_service_that_is_gone_is_named(ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    hook: Any = Hook(monkeypatch)
    assert {change.note for change in restore_others(second(ledger), hook, ledger).values()} == {
        "the service is gone"
    }


def test_every_service_is_read_and_what_cannot_serve_again_is_named(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        BACKEND: RollbackTarget(BACKEND, "old", findings=("revision old: KEY is key:1, which is DISABLED",)),
        AUTH: RollbackTarget(AUTH, "auth-old"),
    }

    def read(_: Any, __: Any, address: Any, *, release: str) -> RollbackTarget:
        if address.service not in found:
            raise ServiceNotFound(f"service {address.service}: is gone")
        return found[address.service]

    monkeypatch.setattr(full, "read_target", read)
    still = SplitChange(before={}, after={}, changed=False)
    nothing: Any = None
    serving, wrong = read_whole(second(ledger), nothing, nothing, {AUTH: still, FRONTEND: still})
    assert serving.keys() == {BACKEND, AUTH}
    assert wrong == [
        "revision old: KEY is key:1, which is DISABLED",
        "service netra-frontend-prod: is gone",
    ]


def test_image_configuration_and_secrets_are_compared_with_those_of_the_beginning() -> None:
    was = TargetRecord(service=BACKEND, revision="old", digest="a", mounted={"KEY": "key:1"})
    began = ReleaseOpened(actor="ada", targets={BACKEND: was, AUTH: TargetRecord(service=AUTH)})
    assert list(differences(began, {BACKEND: was})) == []
    assert list(differences(None, {BACKEND: was})) == []
    now = was.model_copy(update={"revision": "other", "mounted": {"KEY": "key:2"}})
    assert list(differences(began, {BACKEND: now})) == [
        f"{BACKEND}: revision is other, was old",
        f"{BACKEND}: mounted is {{'KEY': 'key:2'}}, was {{'KEY': 'key:1'}}",
    ]


def test_what_differs_makes_the_run_red_and_another_order_reads_it_again(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = ["netra-auth-prod: digest is b, was a"]
    monkeypatch.setattr(rollback_full, "restore_others", lambda *_: {})
    monkeypatch.setattr(rollback_full, "read_whole", lambda *_: ({}, list(wrong)))
    monkeypatch.setattr("slipway.hooks.secret_manager.SecretVersionHook", lambda **_: None)
    release = second(ledger)
    task = RestoreWholeOperator(task_id="restore_whole")
    task.__dict__ |= {"ledger": ledger, "cloud_run": None}
    context: Any = {
        "params": {"tier": "full", "release": release.release_id},
        "dag_run": SimpleNamespace(run_id="x"),
    }
    for _ in range(2):
        with pytest.raises(AirflowFailException, match=r"Not everything .*digest is b, was a"):
            task.execute(context)
    wrong.clear()
    task.execute(context)
    entries = list(ledger.entries(release.release_id).of_kind(FullyRestored))
    assert [entry.round for entry in entries] == [1, 2], "the same look is on record once"
    assert "are as before the release" in entries[-1].sentence
    context["params"]["tier"] = "database"
    with pytest.raises(AirflowSkipException):
        task.execute(context)
