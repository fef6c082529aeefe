"""One command line for every command."""

from __future__ import annotations

import subprocess
import sys

import pytest
from slipway.__main__ import COMMANDS, command_of, main
from slipway.paths import INCLUDE


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert [name for name in COMMANDS if f"    {name}" not in said] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_what_it_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert (command_of(name).__doc__ or "").splitlines()[0] in capsys.readouterr().out


def run_alone(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, which has imported nothing yet."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(INCLUDE.parent / "plugins"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_runs_as_a_module_without_drawing_anything() -> None:
    ran = run_alone("import sys, slipway.__main__; sys.exit('matplotlib' in sys.modules)")
    assert ran.returncode == 0, ran.stderr


def test_a_rollback_waits_for_nothing_that_only_other_commands_import() -> None:
    ran = run_alone(
        "import sys; from slipway.__main__ import main\n"
        "try: main(['rollback', '--help'])\n"
        "except SystemExit: sys.exit(', '.join({'numpy', 'scipy', 'psycopg'} & set(sys.modules)) or None)"
    )
    assert ran.returncode == 0, ran.stderr
