"""The platform's git repository, which a promoted release tags."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from sandbox.supervisor import ports
from sandbox.supervisor.processes import Program
from sandbox.supervisor.settings import HOST, Settings

BRANCH = "main"
_TIMEOUT_SECONDS = 30.0
_AUTHOR = ("-c", "user.name=Netra", "-c", "user.email=platform@netra.example")


def path(settings: Settings) -> Path:
    """Return the folder of the bare repository."""
    return settings.data / "platform.git"


def program(settings: Settings) -> Program:
    """Return the server of the repository, for those who cannot read the folder."""
    port = settings.git_port
    return Program(
        name="git",
        command=[
            "git",
            "daemon",
            "--export-all",
            "--enable=receive-pack",
            f"--listen={HOST}",
            f"--port={port}",
            f"--base-path={settings.data}",
        ],
        ready=lambda: port in ports.taken([port]),
        bound=_TIMEOUT_SECONDS,
    )


def seed(settings: Settings) -> None:
    """Make the repository with one commit, unless it is there."""
    repository = path(settings)
    if (repository / "HEAD").exists():
        return
    repository.parent.mkdir(parents=True, exist_ok=True)
    _git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(repository))
    with tempfile.TemporaryDirectory(prefix="slipway-seed-") as work:
        _git("clone", "--quiet", str(repository), work)
        (Path(work) / "README").write_text("The token-optimization platform.\n")
        _git("-C", work, "add", "README")
        _git("-C", work, *_AUTHOR, "commit", "--quiet", "--message", "The platform at 1.0.0")
        _git("-C", work, "push", "--quiet", "origin", f"HEAD:{BRANCH}")


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True, timeout=_TIMEOUT_SECONDS)
