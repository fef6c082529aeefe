"""The rollback record: written at the start of a release, read when nothing else answers, bounded."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from slipway.exceptions import RequestRefused
from slipway.ledger.entries import ReleaseOpened, RollbackOverridden
from slipway.release.rollback.record import (
    FOLDER_VARIABLE,
    read_record,
    record_path,
    rollback_commands,
    write_record,
)

from tests.unit.slipway.on_record import requested

REQUEST = requested("run")
ID = REQUEST.plan.release_id
OPENED = ReleaseOpened(actor="ada", stable={"web": {"web-old": 100}}, versions={"web": "1.1.0"})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "records"))
    return tmp_path / "records"


def write() -> Path:
    return write_record(REQUEST.plan, REQUEST.policy, OPENED)


def test_what_is_read_is_the_release_as_it_began() -> None:
    path = write()
    assert path == record_path(ID)
    record = read_record(path, ID)
    release = record.release
    assert (release.release_id, release.policy, release.plan) == (ID, REQUEST.policy, REQUEST.plan)
    assert (release.stable, release.outcome) == (OPENED.stable, None)
    assert record.get(ID, ReleaseOpened) == OPENED
    assert record.get(ID, RollbackOverridden) is None


def test_the_folder_holds_only_what_may_still_be_rolled_back(folder: Path) -> None:
    folder.mkdir()
    kept, gone, foreign = (folder / name for name in ("a.rollback.json", "b.rollback.json", "notes.json"))
    for path in (kept, gone, foreign):
        path.write_text("{}")
    window = REQUEST.policy.schema_rules.rollback_window_seconds
    for path, age in ((kept, window - 60), (gone, window + 60), (foreign, window + 60)):
        os.utime(path, (time.time() - age,) * 2)
    written = write()
    assert sorted(folder.iterdir()) == sorted([kept, foreign, written])


def test_a_folder_that_cannot_be_written_refuses_the_release(folder: Path) -> None:
    folder.write_text("a file")
    with pytest.raises(RequestRefused, match=f"{FOLDER_VARIABLE}={folder}: .* name a folder"):
        write()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "FileNotFoundError"),
        ("no json", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError: 'policy'"),
        (json.dumps({"policy": {"format": 9}}), "this version of Slipway reads"),
    ],
)
def test_a_file_that_is_no_record_is_refused(folder: Path, content: str | None, words: str) -> None:
    path = folder.parent / "given.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RequestRefused) as refused:
        read_record(path, ID)
    assert f"record={path}: cannot be read as a rollback record: " in str(refused.value)
    assert words in str(refused.value)
    assert str(folder) in str(refused.value)


def test_the_record_of_another_release_is_refused() -> None:
    path = write()
    with pytest.raises(RequestRefused, match=f"is of release {ID}, not of v9-9-9-abcdef"):
        read_record(path, "v9-9-9-abcdef")


def test_the_commands_name_project_region_and_split() -> None:
    stable = {"web": {"web-old": 100}, "api": {"api-a": 60, "api-b": 40}, "first": {}}
    where = "--project netra-production --region us-central1"
    assert rollback_commands(REQUEST.policy, stable) == [
        f"gcloud run services update-traffic api {where} --to-revisions api-a=60,api-b=40",
        f"gcloud run services update-traffic web {where} --to-revisions web-old=100",
    ]
