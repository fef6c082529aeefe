"""The chain of a recorded release holds, a forgery is found, and its verdicts can be replayed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from slipway.commands.replay import report
from slipway.ledger.chain import Record, RecordedEntry, first_broken
from slipway.policy.formats import parse_recorded_policy

DATA = Path(__file__).parent / "data"
RELEASES = {"release_format_2_promoted": 3, "release_format_2_rolled_back": 1}


def recorded(name: str) -> tuple[dict[str, Any], Record]:
    exported = json.loads((DATA / f"{name}.json").read_text())
    entries = (
        RecordedEntry(**entry | {"at": datetime.fromisoformat(entry["at"])}) for entry in exported["entries"]
    )
    return exported["release"], Record(entries)


@pytest.mark.parametrize("name", RELEASES)
def test_the_chain_of_a_recorded_release_holds(name: str) -> None:
    release, record = recorded(name)
    assert first_broken(release["release_id"], record) is None
    assert first_broken("v0", record) == 1


@pytest.mark.parametrize(
    "forge",
    [
        lambda entries: [
            *entries[:4],
            RecordedEntry(**vars(entries[4]) | {"key": "gate/half"}),
            *entries[5:],
        ],
        lambda entries: [*entries[:4], RecordedEntry(**vars(entries[4]) | {"payload": {}}), *entries[5:]],
        lambda entries: [
            *entries[:4],
            RecordedEntry(**vars(entries[4]) | {"at": entries[4].at + timedelta(seconds=1)}),
            *entries[5:],
        ],
        lambda entries: [*entries[:4], *entries[5:]],
        lambda entries: [*entries[:4], entries[3], *entries[4:]],
    ],
    ids=["key", "payload", "moment", "removed", "put in"],
)
def test_a_forgery_is_found_where_it_is(forge: Callable[[Any], Any]) -> None:
    release, record = recorded("release_format_2_promoted")
    assert first_broken(release["release_id"], forge(list(record))) == 5


@pytest.mark.parametrize(("name", "bakes"), RELEASES.items())
def test_the_verdicts_of_a_recorded_release_are_replayed_the_same(name: str, bakes: int) -> None:
    release, record = recorded(name)
    lines = list(report(record, parse_recorded_policy(release["policy"], source=name), None))
    assert len(lines) == bakes
    assert [line for is_well, line in lines if not is_well] == []
