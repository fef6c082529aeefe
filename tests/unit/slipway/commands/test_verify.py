"""The hash chain of an export is computed again; a changed entry is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from slipway.__main__ import main
from slipway.ledger.chain import GENESIS, canonical, entry_hash

BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)


def export(folder: Path, **changes: Any) -> str:
    """Write an export of two entries; changes are made to the first afterwards."""
    entries: list[dict[str, Any]] = []
    previous = GENESIS
    for sequence, key in enumerate(("opened", "closed"), start=1):
        at, payload = BEGAN + timedelta(minutes=sequence), {"reason": f"{key}, für 5 €"}
        own = entry_hash(previous, "v1-1-0-a", sequence, key, at, canonical(payload))
        entries.append(
            {
                "sequence": sequence,
                "key": key,
                "at": at.isoformat(),
                "payload": payload,
                "previous_hash": previous,
                "hash": own,
            }
        )
        previous = own
    entries[0] |= changes
    path = folder / "v1-1-0-a-ledger.json"
    path.write_text(json.dumps({"release": "v1-1-0-a", "first_broken_entry": None, "entries": entries}))
    return str(path)


def test_an_export_as_it_was_made_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", export(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(
        "release v1-1-0-a: the chain holds, with 2 entries; the first 0 are anchored in "
    )


@pytest.mark.parametrize(
    "change", [{"payload": {"reason": "another"}}, {"key": "opened/again"}, {"at": BEGAN.isoformat()}]
)
def test_a_changed_entry_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any]
) -> None:
    assert main(["verify", export(tmp_path, **change)]) == 1
    assert "release v1-1-0-a: not as it was written: entry 1 (" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[]", '{"release": "r", "entries": [{"sequence": 1}]}'])
def test_a_file_that_is_no_export_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    assert main(["verify", str(path)]) == 1
    assert f"{path}: cannot be read as a release's export" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "nothing.json")]) == 1
    assert "nothing.json: cannot be read" in capsys.readouterr().err
