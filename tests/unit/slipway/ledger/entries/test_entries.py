"""Every kind of entry is written and read again, also what earlier versions wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from slipway.exceptions import EntryUnreadable
from slipway.ledger.chain import UnreadableEntry
from slipway.ledger.entries import (
    KINDS,
    BakeAnswered,
    ChecklistItemChecked,
    DatabaseChecked,
    DeploymentChecked,
    DetectionPowerForecast,
    GateDecided,
    LedgerEntry,
    RegionsReported,
    ReleaseOpened,
    TrafficShifted,
    kind_of,
    read_entry,
)
from slipway.ledger.entries.values import split_words

from tests.fake_ledger import record_of_payloads
from tests.sample_entries import AT, SAMPLES, TEN, WEB

DATA = Path(__file__).parents[1] / "data"
RELEASES = ("release_format_2_promoted", "release_format_2_rolled_back")


def recorded(name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((DATA / f"{name}.json").read_text())["entries"]
    return entries


def test_there_is_a_sample_of_every_kind() -> None:
    assert [type(sample) for sample in SAMPLES] == list(KINDS)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_an_entry_is_read_as_it_was_written(sample: LedgerEntry) -> None:
    written = json.loads(json.dumps(sample.payload()))
    assert written["format"] == type(sample).FORMAT
    assert read_entry(sample.key, written) == sample
    assert kind_of(sample.key) is type(sample)
    assert sample.sentence
    assert "\n" not in sample.sentence
    assert type(sample).WRITER


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_that_an_earlier_version_put_on_record_is_read(name: str) -> None:
    for entry in recorded(name):
        content = read_entry(entry["key"], entry["payload"])
        assert content.key == entry["key"]
        assert content.sentence


def test_the_key_leaves_out_what_has_its_default() -> None:
    assert TrafficShifted(phase="canary", at=AT, changes={}).key == "shifted/canary"
    assert TrafficShifted.key_of(phase="full", component="auth") == "shifted/full/auth"
    assert (
        BakeAnswered.key_of(phase="canary") == BakeAnswered.key_of(phase="canary", round=1) == "person/canary"
    )
    assert BakeAnswered.key_of(phase="canary", round=2) == "person/canary/2"


def test_a_key_needs_its_parts_and_takes_no_others() -> None:
    with pytest.raises(TypeError, match=r"GateDecided: the key gate/\{phase\} needs phase"):
        GateDecided.key_of()
    with pytest.raises(TypeError, match="GateDecided: faze is no part of the key"):
        GateDecided.key_of(faze="canary")


def test_a_fixed_key_comes_before_the_pattern_that_it_fits() -> None:
    assert kind_of("checklist/deployment") is DeploymentChecked
    assert kind_of("checklist/dashboards") is ChecklistItemChecked
    assert kind_of("checklist") is None


def test_the_words_of_the_format_before_are_read() -> None:
    origin = {"release": "v1", "sequence": 3, "hash": "0"}
    checked = {"linted": True, "due": [], "tables": [], "disk_bytes": 9, "used_bytes": 1, "wanted_bytes": 2}
    read = DatabaseChecked.read("database_checked/production", {**checked, "taken_over": origin})
    assert read.required_bytes == 2
    assert read.inherited_from is not None
    assert read.inherited_from.release == "v1"
    answered = {"reason": "jo", "user": None, "watch_on": True, "at": AT.isoformat()}
    assert BakeAnswered.read("person/canary/2", answered).bake_on
    regions = {"region": "a", "outcome": "promoted", "serving": {}, "told": "nothing to tell"}
    assert RegionsReported.read("regions", regions).notified == "nothing to tell"
    opened = {"actor": "ada", "targets": {WEB: {"service": WEB, "secrets": {"KEY": "key:1"}}}}
    assert ReleaseOpened.read("opened", opened).targets[WEB].mounted == {"KEY": "key:1"}
    power = {
        "metric": "m",
        "events": 1,
        "smallest_percent": None,
        "seconds_needed": None,
        "sees_trigger": False,
    }
    forecast = {"phase": "canary", "action": "hold", "reason": "blind", "seconds": 1, "sights": [power]}
    assert DetectionPowerForecast.read("forecast/canary", forecast).detection_power[0].metric == "m"


@pytest.mark.parametrize(
    ("key", "payload", "words"),
    [
        ("gate/canary", {"verdict": "promote"}, "ledger entry gate/canary: reason: Field required"),
        ("gate/canary", {"format": 99}, r"format=99: this version of Slipway reads 1\.\.2"),
        ("of/tomorrow", {}, "ledger entry of/tomorrow: this version of Slipway knows no such kind"),
    ],
)
def test_what_cannot_be_read_is_named_and_ends_no_listing(
    key: str, payload: dict[str, Any], words: str
) -> None:
    with pytest.raises(EntryUnreadable, match=words):
        read_entry(key, payload)
    (entry,) = record_of_payloads((key, payload))
    assert isinstance(entry.content, UnreadableEntry)
    assert entry.content.sentence.startswith(f"ledger entry {key}: ")


def test_traffic_is_said_by_version() -> None:
    shifted = TrafficShifted(phase="canary", at=AT, changes={WEB: TEN})
    assert shifted.sentence == f"Traffic of {WEB}: 1.1.0 90 %, 1.2.0 10 % (canary)"
    assert split_words({"web-00001-abc": 100, "web-v1-2-0-rc-1-e7d5c3": 0}, "web") == "web-00001-abc 100 %"
    assert split_words({"web-v1-2-0-hotfix-e7d5c3": 100}, "web") == "1.2.0-hotfix 100 %"
    assert split_words({}, "web") == "none"


def test_what_is_about_the_version_is_inherited_and_nothing_else() -> None:
    inherited = {sample.key for sample in SAMPLES if sample.is_inherited}
    assert inherited == {
        "configured/production",
        "database_checked/production",
        "backed_up/production",
        "rehearsed/production",
        "migrated/production",
        "suite/e2e",
        "load_test",
        "checklist/dashboards",
    }
    gates = [GateDecided(phase=phase, verdict="promote", reason="x") for phase in ("staging", "canary")]
    assert [gate.is_inherited for gate in gates] == [True, False]
