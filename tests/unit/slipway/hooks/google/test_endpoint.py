"""The seam: the connection alone chooses the address and the transport."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.exceptions import SlipwayError
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
from slipway.hooks.google.tokens import is_google

RUN = "http://127.0.0.1:25001"


def hook(monkeypatch: pytest.MonkeyPatch, **extra: Any) -> CloudRunTrafficHook:
    connection = {"conn_type": "google_cloud_platform", "extra": {"project": "p", **extra}}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))
    return CloudRunTrafficHook()


def test_without_the_extra_the_stock_regional_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = hook(monkeypatch, is_anonymous=True).client_arguments("europe-west1-run.googleapis.com:443")
    assert arguments["client_options"].api_endpoint == "europe-west1-run.googleapis.com:443"
    assert "transport" not in arguments


def test_a_plain_http_address_is_used_over_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = hook(monkeypatch, is_anonymous=True, api_endpoints={"run": f"{RUN}/"})
    arguments = stand_in.client_arguments("europe-west1-run.googleapis.com:443")
    assert arguments["client_options"].api_endpoint == RUN
    assert arguments["transport"] == "rest"


def test_without_the_extra_the_official_client_goes_to_google_over_grpc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stock = hook(monkeypatch, is_anonymous=True)
    transport = stock._client._client(run_v2.ServicesClient, "europe-west1").transport
    assert (transport.kind, transport.host) == ("grpc", "europe-west1-run.googleapis.com:443")
    stock.close()


def test_an_address_for_another_api_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    other = hook(monkeypatch, is_anonymous=True, api_endpoints={"sqladmin": RUN})
    assert other.endpoint is None
    assert "transport" not in other.client_arguments("run.example:443")


def test_an_https_address_keeps_the_default_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    private = hook(monkeypatch, is_anonymous=True, api_endpoints={"run": "https://run.internal"})
    assert "transport" not in private.client_arguments()


def test_credentials_never_go_over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SlipwayError, match=r"google_cloud_default: http://127\.0\.0\.1:25001 is plain HTTP"):
        _ = hook(monkeypatch, api_endpoints={"run": RUN}).endpoint


def test_an_extra_of_another_shape_says_what_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SlipwayError, match="api_endpoints is a str"):
        _ = hook(monkeypatch, is_anonymous=True, api_endpoints=RUN).endpoint


@pytest.mark.parametrize(
    ("url", "google"),
    [
        ("https://monitoring.googleapis.com/v1/projects/p/location/global/prometheus", True),
        ("https://us-docker.pkg.dev/v2/a/manifests/1", True),
        ("https://gcr.io/v2/", True),
        ("http://monitoring.googleapis.com/", False),
        ("https://gcr.io.example.com/", False),
        ("https://evilgcr.io/", False),
        ("https://example.com/?u=https://gcr.io", False),
        ("https://gcr.io@example.com/", False),
    ],
)
def test_a_token_goes_to_google_over_tls_and_nowhere_else(url: str, google: bool) -> None:
    assert is_google(url) is google
