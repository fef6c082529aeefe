"""One task of a Cloud Run job that tests staging: ``python -m include.job``, the job's command.

What it runs is in its environment: ``TEST_SUITE``, a folder of pytest files below ``include/``; or
``LOAD_TEST``, a Locust file there, with ``LOAD_TEST_USERS``, ``LOAD_TEST_RATE`` and ``LOAD_TEST_SECONDS`` of
all tasks together, of which each has its share. What it found goes into a folder of the task's number below
``RESULTS``, a folder of a bucket. Nothing there is ever overwritten: the first result counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

_INCLUDE = Path(__file__).parent
_RAN = (0, 1)  # pytest, Locust: all is well, something failed; everything else means that it did not run


def main() -> int:
    """Return 0 when what there was to run ran, whatever it found, and its results are in the bucket."""
    number, count = int(os.environ["CLOUD_RUN_TASK_INDEX"]), int(os.environ["CLOUD_RUN_TASK_COUNT"])
    with tempfile.TemporaryDirectory(prefix="slipway-job-") as name:
        folder = Path(name)
        code = _suite(folder) if "TEST_SUITE" in os.environ else _load(folder, number, count)
        if code not in _RAN:
            return code
        _keep(folder, f"{os.environ['RESULTS']}/{number}")
    return 0


def _suite(folder: Path) -> int:
    """Run the suite, and once more the tests of it that failed."""
    directory = _INCLUDE / os.environ["TEST_SUITE"]
    command = [
        sys.executable, "-m", "pytest", str(directory), f"--rootdir={directory.parent}",
        "--config-file=/dev/null", "-o", f"cache_dir={folder}/cache", "-q",
    ]  # fmt: skip
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    code = _run([*command, f"--junitxml={folder}/report.xml"], environment)
    if code != 1:
        return code
    return _run([*command, "--last-failed", f"--junitxml={folder}/again.xml"], environment)


def _load(folder: Path, number: int, count: int) -> int:
    users, rate = int(os.environ["LOAD_TEST_USERS"]), float(os.environ["LOAD_TEST_RATE"])
    own = users * (number + 1) // count - users * number // count
    spawned = -(-own // 3)
    command = [
        sys.executable, "-m", "locust", "--headless", "--only-summary",
        "-f", str(_INCLUDE / os.environ["LOAD_TEST"]), "--users", str(own), "--spawn-rate", str(spawned),
        "--run-time", f"{os.environ['LOAD_TEST_SECONDS']}s", "--stop-timeout", "10",
    ]  # fmt: skip
    share = {"LOAD_TEST_RATE": f"{rate * own / users:g}", "LOAD_TEST_SHARE": f"{folder}/share.json"}
    return _run(command, {**os.environ, **share})


def _run(command: list[str], environment: dict[str, str]) -> int:
    return subprocess.run(
        command, env={**environment, "PYTHONPATH": str(_INCLUDE.parent)}, check=False
    ).returncode


def _keep(folder: Path, place: str) -> None:
    from google.cloud.storage import Client

    bucket, _, prefix = place.removeprefix("gs://").partition("/")
    with Client() as client:
        for path in sorted(folder.glob("*.*")):
            client.bucket(bucket).blob(f"{prefix}/{path.name}").upload_from_filename(
                path, if_generation_match=0
            )


if __name__ == "__main__":
    sys.exit(main())
