"""The parameters that a public function documents are all of its parameters, in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydoclint.main import main

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = ("bench", "compose", "sandbox", "dags", "plugins")
# Too few parameters, too many, another order. Returns and raises are told where they are worth it.
PARAMETERS = re.compile(r"DOC10[1-4]: .*")


def told(*paths: Path) -> list[str]:
    """Return what pydoclint says of the parameters in these folders or files."""
    options = ["--quiet", "--show-filenames-in-every-violation-message=True"]
    options += [f"--config={REPOSITORY / 'pyproject.toml'}"]
    done = CliRunner().invoke(main, [*options, *map(str, paths)])
    assert isinstance(done.exception, (SystemExit, type(None))), done.exception
    return [line for line in done.output.splitlines() if PARAMETERS.search(line)]


def test_a_documented_function_documents_every_parameter() -> None:
    assert told(*(REPOSITORY / folder for folder in FOLDERS)) == []


@pytest.mark.parametrize(
    ("documented", "code"),
    [
        ((":param first: one.",), "DOC101"),
        ((":param first: one.", ":param second: two.", ":param third: three."), "DOC102"),
        ((":param second: two.", ":param first: one."), "DOC104"),
    ],
    ids=["too few", "too many", "another order"],
)
def test_what_is_not_so_is_told(tmp_path: Path, documented: tuple[str, ...], code: str) -> None:
    lines = [
        "def add(first: int, second: int) -> int:",
        '    """Add.',
        "",
        *(f"    {line}" for line in documented),
    ]
    module = tmp_path / "module.py"
    module.write_text("\n".join([*lines, '    """', "    return first + second", ""]))
    assert any(f"{code}: " in line for line in told(module))
