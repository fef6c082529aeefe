"""A suite's result is what its report says, and a suite that proves nothing is an error."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from slipway.exceptions import CommandFailed
from slipway.hooks.command.command import CommandHook
from slipway.hooks.command.suites import TestRunnerHook


def suite(folder: Path, text: str) -> Path:
    directory = folder / "suite"
    directory.mkdir()
    (directory / "test_it.py").write_text(text)
    return directory


def test_passed_failed_and_skipped_tests_are_told_apart(tmp_path: Path) -> None:
    directory = suite(
        tmp_path,
        "import os, pytest\n"
        "def test_good(): assert os.environ['BACKEND_URL'] == 'http://backend'\n"
        "def test_bad(): assert False\n"
        "@pytest.mark.skip\ndef test_left_out(): pass\n",
    )
    result = TestRunnerHook().run(
        directory, environment={"BACKEND_URL": "http://backend"}, timeout_seconds=60
    )
    assert (result.tests, result.passed) == (3, 1)
    assert [name.rpartition(".")[2] for name in result.failed] == ["test_bad"]
    assert [name.rpartition(".")[2] for name in result.skipped] == ["test_left_out"]


def test_a_test_that_passes_when_it_runs_again_is_flaky_and_has_failed(tmp_path: Path) -> None:
    directory = suite(
        tmp_path,
        "import os, pathlib, pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "def test_flaky():\n"
        "    first = pathlib.Path(os.environ['MARK'])\n"
        "    assert first.exists() or first.touch()\n",
    )
    result = TestRunnerHook().run(
        directory, environment={"MARK": str(tmp_path / "mark")}, timeout_seconds=60, find_flaky=True
    )
    assert (result.tests, result.passed) == (3, 1)
    assert [name.rpartition(".")[2] for name in result.failed] == ["test_bad", "test_flaky"]
    assert [name.rpartition(".")[2] for name in result.flaky] == ["test_flaky"]


@pytest.mark.parametrize("text", ["", "import nonsense\n"])
def test_a_suite_that_ran_nothing_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(CommandFailed, match="suite suite: pytest ended with"):
        TestRunnerHook().run(suite(tmp_path, text), environment={}, timeout_seconds=60)


def test_a_command_is_stopped_with_everything_it_started_when_its_time_is_over() -> None:
    began = time.monotonic()
    with pytest.raises(CommandFailed, match=r"sh: not done after 0\.5 s; stopped"):
        CommandHook().run_command(["sh", "-c", "sleep 60 & sleep 60"], environment={}, timeout_seconds=0.5)
    assert time.monotonic() - began < 30


def test_the_workers_own_environment_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SECRET", "hunter2")
    code, output = CommandHook().run_command(["env"], environment={"GIVEN": "yes"}, timeout_seconds=10)
    assert code == 0
    assert "GIVEN=yes" in output
    assert "hunter2" not in output
