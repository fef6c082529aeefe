"""The second product is a service beside the first one, and its policy is short."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from slipway.__main__ import main
from slipway.paths import INCLUDE
from slipway.policy.release import load_policy

from sandbox import second_product
from sandbox.supervisor.settings import HOST, LOCATION, Settings


def test_it_serves_and_init_finds_it(
    cloud_server: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = second_product.ensure(cloud_server)
    assert second_product.ensure(cloud_server) == url
    answer = httpx.get(f"{url}/v1/rates")
    assert answer.json()["base"] == "USD"
    assert answer.headers["x-slipway-revision"].startswith("exchange-rates-")
    endpoints = dict.fromkeys(("run",), f"http://{HOST}:{cloud_server.google_port}")
    extra = {"project": second_product.PROJECT, "is_anonymous": True, "api_endpoints": endpoints}
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
    where = ["--project", second_product.PROJECT, "--region", LOCATION, "--service", second_product.SERVICE]
    assert main(["init", *where, "--folder", str(tmp_path)]) == 0
    (written,) = load_policy("exchange-rates.yaml", directory=tmp_path).services.values()
    monkeypatch.setenv("SLIPWAY_REGISTRY_PORT", str(cloud_server.registry_port))
    (stated,) = load_policy("sandbox-rates.yaml").services.values()
    assert written == stated
    assert len((INCLUDE / "policy" / "sandbox-rates.yaml").read_text().splitlines()) <= 40
