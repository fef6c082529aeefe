"""The probe of a Google Cloud project, run against the local cloud: nothing differs, and nothing is left."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from google.cloud import run_v2
from slipway.__main__ import main
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

from sandbox.supervisor.settings import LOCATION, Settings
from tests.integration.slipway.hooks.web_service import PROJECT

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(240)]


def test_the_local_cloud_does_what_the_probe_expects(
    cloud_run: CloudRunTrafficHook,
    image: Callable[[str], str],
    prometheus_server: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    connection = {"conn_type": "http", "host": prometheus_server.prometheus_url}
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_PROMQL", json.dumps(connection))
    bounds = ["--metrics-seconds", "60", "--pause-seconds", "1.5"]
    made_of = ["--image", image("frontend:1.0.0"), "--env", "BACKEND_URL=http://127.0.0.1:9"]
    code = main(["probe-google", PROJECT, LOCATION, *made_of, *bounds])
    printed = capsys.readouterr().out
    assert (code, "differs " in printed) == (0, False), printed
    assert "run_googleapis_com:request_count read raw: a running total" in printed
    services = cloud_run.api_client(run_v2.ServicesClient).list_services(
        parent=f"projects/{PROJECT}/locations/{LOCATION}"
    )
    assert not [service.name for service in services if "slipway-probe-" in service.name]
