"""Reports of the sandbox's releases are kept in its bucket."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sandbox.airflow.environment import environment
from sandbox.supervisor.settings import REPOSITORY, Settings

pytestmark = pytest.mark.sandbox
IN_AIRFLOW = """
from slipway.release.report.keeping import report_folder
folder = report_folder()
folder.mkdir(parents=True, exist_ok=True)
(folder / "v1-2-0.html").write_bytes(b"<p>promoted</p>")
from slipway.ui.reports import report_response
import hashlib
digest = hashlib.sha256(b"<p>promoted</p>").hexdigest()
assert report_response(str(folder / "v1-2-0.html"), digest, "html").body == b"<p>promoted</p>"
print(folder)
"""


def test_a_report_is_written_to_the_bucket_and_read_from_it(cloud_server: Settings) -> None:
    variables = {**os.environ, **environment(cloud_server), "PYTHONPATH": str(REPOSITORY / "plugins")}
    done = subprocess.run(
        [sys.executable, "-c", IN_AIRFLOW],
        env=variables,
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "gs://google_cloud_default@netra-production-reports/reports" in done.stdout
    assert list((cloud_server.data / "storage" / "netra-production-reports").iterdir())
