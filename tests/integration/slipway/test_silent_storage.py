"""An object storage that takes connections and never answers holds no release up at its end."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator

import pytest
from slipway import paths
from slipway.ledger.anchors import Head, LedgerAnchors
from slipway.release.report.keeping import write_report

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

BOUND, AT_MOST = 0.5, 30.0


@pytest.fixture(autouse=True)
def silent_storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bucket for anchors and reports, behind a port where nobody speaks."""
    monkeypatch.setattr(paths, "STORAGE_SECONDS", BOUND)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        extra = {
            "project": "p",
            "is_anonymous": True,
            "gcs.endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        connection = {"conn_type": "google_cloud_platform", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
        monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        for name in ("REPORTS", "ANCHORS"):
            monkeypatch.setenv(f"SLIPWAY_{name}", f"gs://google_cloud_default@silent/{name.lower()}")
        yield


def test_a_report_is_left_to_the_maintenance(caplog: pytest.LogCaptureFixture) -> None:
    ledger = FakeLedger()
    release = opened(ledger).release_id
    ledger.close(release, outcome="rolled_back", reason="a test")
    began = time.monotonic()
    assert write_report(ledger.release(release), ledger) is None
    assert time.monotonic() - began < AT_MOST
    assert f"no answer within {BOUND:g} s" in caplog.text


def test_an_anchor_is_left_to_the_daily_anchoring(caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    with caplog.at_level(logging.ERROR):
        LedgerAnchors().try_write(Head("v1-0-0", 3, "0" * 64))
    assert time.monotonic() - began < AT_MOST
    assert "entry 3 is not anchored" in caplog.text
    assert f"no answer within {BOUND:g} s" in caplog.text
