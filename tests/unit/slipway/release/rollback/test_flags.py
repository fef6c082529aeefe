"""Flags go back to where they were when the release began; the policy decides on what it brought."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.ledger.entries import FlagsRolledBack, ReleaseOpened, ServedDocument
from slipway.ledger.timeline import summary_line
from slipway.policy.release import load_policy
from slipway.release.configuration import Running
from slipway.release.rollback import flags
from slipway.release.rollback.flags import content_after, roll_back_flags

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import FIRST, LATER, opened, requested, two_regions

DOCUMENT = "feature-flags"
ON, OFF = {"token_optimization": True}, {"token_optimization": False}


class Store:
    """The flags in Secret Manager: content by version, and the alias.

    :param contents: content of version 1, 2, ...
    :param mounted: version that the serving revision mounts; None when it mounts none.
    """

    def __init__(self, *contents: Mapping[str, bool], mounted: int | None = 1) -> None:
        self.contents = [dict(content) for content in contents]
        self.mounted = mounted
        self.alias: int | None = None
        self.secrets = self

    def running(self) -> dict[str, Running]:
        if self.mounted is None:
            return {}
        version = max(self.mounted, self.alias or 0)
        content = self.read(DOCUMENT, version)
        return {DOCUMENT: Running(str(self.mounted), "ENABLED", str(version), content, True)}

    def secret(self, document: str) -> dict[str, str]:
        return {"secret": document}

    def read(self, _: str, version: int | str) -> Mapping[str, Any]:
        return self.contents[int(version) - 1]

    def add_version(self, *, data: bytes, **_: str) -> int:
        content = json.loads(data)
        if self.contents[-1] != content:
            self.contents.append(content)
        return len(self.contents)

    def point_alias(self, *, alias: str, version: int, **_: str) -> None:
        assert alias == "rollback"
        self.alias = version


def roll_back(store: Store, version: int | None, monkeypatch: pytest.MonkeyPatch) -> FlagsRolledBack:
    """Roll back the flags, twice, of a release that began when a version of them was in force."""
    monkeypatch.setattr(flags, "ConfigurationStore", lambda *_: store)
    ledger, request = FakeLedger(), requested("run")
    served = ServedDocument(mounted=str(version), in_force=str(version))
    first = ReleaseOpened(actor="ada", configuration={} if version is None else {DOCUMENT: served})
    release, nothing = ledger.open_release(request.plan, request.policy, first), None
    found, again = (
        roll_back_flags(release, nothing, ledger, "production", gcp_conn_id="g")  # type: ignore[arg-type]
        for _ in range(2)
    )
    assert again.versions == found.versions, "done again it writes nothing"
    return found


def test_a_feature_that_was_on_stays_on(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(ON, ON)
    found = roll_back(store, 1, monkeypatch)
    assert (found.versions, found.changes, found.switched_off) == ({DOCUMENT: 1}, (), ())
    assert (len(store.contents), store.alias) == (2, None)
    assert found.sentence == "Flags of production as they were when the release began; no setting changes"


def test_what_changed_since_is_set_back_by_a_newer_version(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(ON, ON, OFF)
    store.alias = 3  # by hand, in the middle of the release
    found = roll_back(store, 1, monkeypatch)
    assert (found.versions, store.alias, store.contents[3]) == ({DOCUMENT: 4}, 4, ON)
    assert [(change.before, change.after) for change in found.changes] == [("false", "true")]


@pytest.mark.parametrize(("mounted", "contents"), [(None, [ON]), (1, [{"other": True}, ON])])
def test_a_feature_that_the_release_brought_is_switched_off_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, mounted: int | None, contents: list[dict[str, bool]]
) -> None:
    store = Store(*contents, mounted=mounted)
    found = roll_back(store, mounted, monkeypatch)
    assert found.switched_off == (f"{DOCUMENT} token_optimization",)
    assert store.read(DOCUMENT, store.alias or 0)["token_optimization"] is False
    words = "set by the policy for everybody, as this release brought them: feature-flags token_optimization"
    assert words in found.sentence
    ledger = FakeLedger()
    release = opened(ledger)
    ledger.append(release.release_id, found)
    assert summary_line(release, ledger.entries(release.release_id)).endswith(f"; flags {words}")


def test_other_settings_stay_as_they_were() -> None:
    document = load_policy("release.yaml").configuration[DOCUMENT]
    assert content_after(document, {"other": 1}) == ({"other": 1, **OFF}, ["token_optimization"])
    assert content_after(document, {"other": 1, **ON}) == ({"other": 1, **ON}, [])
    assert content_after(document, None) == (OFF, ["token_optimization"])


@pytest.mark.parametrize(
    ("elsewhere", "kept"),
    [
        ({"token_optimization": True}, {DOCUMENT: (LATER,)}),
        ({"token_optimization": False}, {}),
        ({"other": True}, {}),
        (None, {}),
    ],
    ids=["serves the version", "is off there", "does not know it", "nothing serves"],
)
def test_the_flags_stay_where_a_setting_would_change_in_another_region(
    monkeypatch: pytest.MonkeyPatch, elsewhere: dict[str, bool] | None, kept: dict[str, tuple[str, ...]]
) -> None:
    store = Store({"other": True}, ON, mounted=1)

    def open_store(release: Any, *_: Any) -> Any:
        if release.policy.region == FIRST:
            return store
        running = {} if elsewhere is None else {DOCUMENT: Running("2", "ENABLED", "2", elsewhere, True)}
        return SimpleNamespace(running=lambda: running)

    monkeypatch.setattr(flags, "ConfigurationStore", open_store)
    ledger, request = FakeLedger(), requested("run", two_regions())
    began = {DOCUMENT: ServedDocument(mounted="1", in_force="1")}
    first = ReleaseOpened(actor="ada", configuration=began)
    release, nothing = ledger.open_release(request.plan, request.policy, first), None
    found = roll_back_flags(release, nothing, ledger, "production", gcp_conn_id="g")  # type: ignore[arg-type]
    assert dict(found.kept_for) == kept
    assert (store.alias is None) == bool(kept), "the alias reaches every region"
    words = f"{DOCUMENT} stays for what serves in {LATER}"
    assert (words in found.sentence) == bool(kept)
