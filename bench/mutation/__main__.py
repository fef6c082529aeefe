"""Change a sample of the analysis, one operator or number at a time, and list what no unit test notices."""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.mutation.mutants import Mutant, mutants
from sandbox.supervisor.settings import REPOSITORY

ANALYSIS, TESTS = Path("plugins/slipway/analysis"), Path("tests/unit/slipway/analysis")
FOLDERS = ("bench", "dags", "docs", "include", "plugins", "sandbox", "tests")
#: An endless loop is noticed too.
BOUND_SECONDS = 900
_FAILED = 1


def main() -> None:
    """Run a sample and print its survivors."""
    parser = argparse.ArgumentParser(prog="python -m bench.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=40, help="how many mutants are tried")
    parser.add_argument("--seed", type=int, default=6, help="which ones")
    options = parser.parse_args()
    every = [
        (path, mutant)
        for path in sorted((REPOSITORY / ANALYSIS).rglob("*.py"))
        for mutant in mutants(path.read_text())
    ]
    chosen = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    survivors = []
    with tempfile.TemporaryDirectory(prefix="slipway-mutation-") as folder:
        tree = Path(folder)
        for name in FOLDERS:
            shutil.copytree(REPOSITORY / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPOSITORY / "pyproject.toml", tree)
        if not _passes(tree, TESTS):
            raise SystemExit(f"{TESTS} fails without a change: nothing can be learnt from what it notices")
        for number, (path, mutant) in enumerate(chosen, start=1):
            where = path.relative_to(REPOSITORY)
            lives = survives(tree, where, mutant)
            line = f"{where}:{mutant.line}: {mutant.before} -> {mutant.after}"
            print(f"{number}/{len(chosen)} {'SURVIVES' if lives else 'noticed '} {line}", flush=True)
            if lives:
                survivors.append(line)
    print(f"{len(chosen)} of {len(every)} mutants, seed {options.seed}: {len(survivors)} survive")
    print("\n".join(survivors))


def survives(tree: Path, where: Path, mutant: Mutant) -> bool:
    """Return whether every test passes although the source is changed: its own tests first, then all of them.

    :param tree: a copy of the repository.
    :param where: path of the source in it.
    :param mutant: the change.
    """
    path, before = tree / where, (tree / where).read_text()
    own = TESTS / where.relative_to(ANALYSIS).with_name(f"test_{where.name}")
    path.write_text(mutant.source)
    try:
        return all(_passes(tree, tests) for tests in (own, TESTS) if (tree / tests).exists())
    finally:
        path.write_text(before)


def _passes(tree: Path, tests: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", str(tests)]
    # Compiled modules of two changes within a second could be taken for each other.
    command[1:1] = ["-B"]
    try:
        done = subprocess.run(
            command, cwd=tree, capture_output=True, text=True, timeout=BOUND_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (0, _FAILED, 2):
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.returncode == 0


if __name__ == "__main__":
    main()
