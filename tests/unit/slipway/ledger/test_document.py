"""``docs/ledger.md`` is what the kinds of entry say, and its lines verify an export."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from slipway.ledger.document import render
from slipway.ledger.entries import KINDS

PAGE = Path(__file__).parents[4] / "docs" / "ledger.md"
DATA = Path(__file__).parent / "data"
RELEASES = ("release_format_2_promoted", "release_format_2_rolled_back")


def verify(folder: Path, name: str, *, forged: bool) -> subprocess.CompletedProcess[str]:
    """Run the page's own lines, alone, on a release's export."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    recorded = json.loads((DATA / f"{name}.json").read_text())
    if forged:
        recorded["entries"][5]["payload"]["task"] = "another"
    export, script = folder / "ledger.json", folder / "verify.py"
    export.write_text(
        json.dumps({"release": recorded["release"]["release_id"], "entries": recorded["entries"]})
    )
    script.write_text(code)
    return subprocess.run(
        [sys.executable, "-I", str(script), str(export)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_the_page_is_made_from_the_entries() -> None:
    assert PAGE.read_text() == render(), "run: python -m slipway describe-ledger > docs/ledger.md"


def test_every_kind_is_on_the_page_with_its_key_and_every_field() -> None:
    page = PAGE.read_text()
    for kind in KINDS:
        section = page.partition(f"### {kind.__name__}\n")[2].partition("\n### ")[0]
        assert f"`{kind.KEY}`" in section
        assert kind.WRITER in section
        for field in kind.model_fields.keys() - {"task", "inherited_from"}:
            row = next(line for line in section.splitlines() if line.startswith(f"| `{field}` |"))
            assert row.split("|")[3].strip(), f"{kind.__name__}.{field} is not explained"


@pytest.mark.parametrize("name", RELEASES)
def test_the_lines_of_the_page_verify_an_export(tmp_path: Path, name: str) -> None:
    ran = verify(tmp_path, name, forged=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "entries hold; the last hash is" in ran.stdout


@pytest.mark.parametrize("name", RELEASES)
def test_the_lines_of_the_page_find_a_forgery(tmp_path: Path, name: str) -> None:
    ran = verify(tmp_path, name, forged=True)
    assert ran.returncode == 1
    assert "entry 6" in ran.stderr
