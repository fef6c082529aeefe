"""What contributors run beside the tests: hooks before a commit, and the release of Slipway itself."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n"
AUTHOR = {f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with what a release reads and writes."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "release").write_bytes((REPOSITORY / "bin" / "release").read_bytes())
    (tmp_path / "bin" / "release").chmod(0o755)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "slipway"\nversion = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **AUTHOR}
    command = ["git", "-c", "init.defaultBranch=main", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def release(clone: Path, *words: str, checks: str = "true") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(clone), "SLIPWAY_CHECKS": checks, **AUTHOR}
    command = ["bin/release", *words]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)


def test_a_release_dates_the_changelog_sets_the_version_and_tags_one_commit(clone: Path) -> None:
    done = release(clone, "0.2.0")
    assert done.returncode == 0, done.stderr
    assert 'version = "0.2.0"' in (clone / "pyproject.toml").read_text()
    changelog = (clone / "CHANGELOG.md").read_text()
    assert re.search(
        r"## \[Unreleased\]\n\n## \[0\.2\.0\] - \d{4}-\d\d-\d\d\n\n### Added\n\n- A thing\.", changelog
    )
    assert git(clone, "describe", "--exact-match") == "v0.2.0"
    assert "- A thing." in git(clone, "tag", "--list", "--format=%(contents)", "v0.2.0")
    assert git(clone, "log", "--format=%s") == "Slipway 0.2.0\nBegin"
    assert git(clone, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "VERSION='': must be X.Y.Z"),
        (("1.0",), "VERSION='1.0': must be X.Y.Z"),
        (("0.0.9",), "must not be earlier than 0.1.0"),
    ],
)
def test_a_version_that_cannot_be_the_next_is_refused(clone: Path, words: tuple[str, ...], why: str) -> None:
    done = release(clone, *words)
    assert (done.returncode, git(clone, "tag")) == (1, "")
    assert why in done.stderr


@pytest.mark.parametrize("file", ["pyproject.toml", "new"])
def test_a_tree_with_changes_is_refused(clone: Path, file: str) -> None:
    with (clone / file).open("a") as changed:
        changed.write("\n")
    done = release(clone, "0.2.0")
    assert (done.returncode, git(clone, "tag")) == (1, "")
    assert "the tree has changes" in done.stderr


def test_a_version_that_is_released_or_says_nothing_new_is_refused(clone: Path) -> None:
    assert release(clone, "0.2.0").returncode == 0
    assert "tag v0.2.0 exists" in release(clone, "0.2.0").stderr
    assert "says nothing under [Unreleased]" in release(clone, "0.3.0").stderr
    assert git(clone, "tag") == "v0.2.0"


def test_checks_that_fail_change_nothing(clone: Path) -> None:
    done = release(clone, "0.2.0", checks="false")
    assert done.returncode == 1
    assert "the checks failed: nothing was changed" in done.stderr
    assert (git(clone, "status", "--porcelain"), git(clone, "tag")) == ("", "")


def test_the_hooks_run_every_command_of_the_style_checks_and_fetch_nothing() -> None:
    configured = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    assert [where["repo"] for where in configured["repos"]] == ["local"]
    hooks = [hook for where in configured["repos"] for hook in where["hooks"]]
    assert {hook["language"] for hook in hooks} == {"unsupported"}
    commands = re.findall(r"\.venv/bin/.*", (REPOSITORY / "bin" / "lint").read_text())
    assert len(commands) == 5
    entries = "\n".join(hook["entry"] for hook in hooks)
    for command in commands:
        program = re.match(r"\S+(?: (?:check|format|-m slipway \S+))?", command)
        assert program is not None
        assert program.group() in entries, command
