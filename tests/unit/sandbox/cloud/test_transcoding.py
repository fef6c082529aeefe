"""Routes derived from an official client's table."""

from __future__ import annotations

from google.cloud import secretmanager_v1 as api
from google.cloud.secretmanager_v1.services.secret_manager_service.transports.rest_base import (
    _BaseSecretManagerServiceRestTransport,
)
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sandbox.cloud import transcoding
from sandbox.cloud.api_errors import AbortedError


def client_of(**handlers: tuple[object, transcoding.Handler]) -> TestClient:
    return TestClient(Starlette(routes=transcoding.routes(_BaseSecretManagerServiceRestTransport, handlers)))


def test_name_does_not_swallow_a_verb() -> None:
    client = client_of(
        GetSecretVersion=(api.GetSecretVersionRequest, lambda r: api.SecretVersion(name=f"got {r.name}")),
        AccessSecretVersion=(
            api.AccessSecretVersionRequest,
            lambda r: api.AccessSecretVersionResponse(name=f"accessed {r.name}"),
        ),
    )
    path = "projects/p/secrets/s/versions/1"
    assert client.get(f"/v1/{path}").json()["name"] == f"got {path}"
    assert client.get(f"/v1/{path}:access").json()["name"] == f"accessed {path}"


def test_request_is_put_together_from_path_query_and_body() -> None:
    seen = []

    def create(request: api.CreateSecretRequest) -> api.Secret:
        seen.append(request)
        return request.secret

    client = client_of(CreateSecret=(api.CreateSecretRequest, create))
    answer = client.post(
        "/v1/projects/p/secrets?secretId=s&$alt=json;enum-encoding=int", json={"labels": {"a": "b"}}
    )
    assert answer.json()["labels"] == {"a": "b"}
    assert (seen[0].parent, seen[0].secret_id, dict(seen[0].secret.labels)) == ("projects/p", "s", {"a": "b"})


def test_request_that_does_not_fit_the_message_is_refused() -> None:
    client = client_of(CreateSecret=(api.CreateSecretRequest, lambda r: r.secret))
    for answer in (
        client.post("/v1/projects/p/secrets", json={"labels": "wrong"}),
        client.post("/v1/projects/p/secrets?unknown=1", json={}),
        client.post("/v1/projects/p/secrets", content=b"{"),
    ):
        assert answer.status_code == 400
        assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_error_is_written_as_google_does() -> None:
    def refuse(_: object) -> None:
        raise AbortedError("changed meanwhile")

    client = client_of(GetSecret=(api.GetSecretRequest, refuse))
    answer = client.get("/v1/projects/p/secrets/s")
    assert answer.status_code == 409
    assert answer.json() == {"error": {"code": 409, "message": "changed meanwhile", "status": "ABORTED"}}
