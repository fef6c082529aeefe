"""The registry speaks the OCI distribution API."""

from __future__ import annotations

import hashlib

import httpx
import pytest

from bench.running_cloud import Clients, CloudProcess
from sandbox.supervisor.settings import HOST

pytestmark = pytest.mark.sandbox


def test_tag_to_digest_to_config(cloud: CloudProcess, clients: Clients, service_id: str) -> None:
    registry = f"{HOST}:{cloud.settings.registry_port}"
    with httpx.Client(base_url=f"http://{registry}/v2") as client:
        assert client.get("/").status_code == 200
        assert client.get("/test/app/tags/list").json() == {"name": "test/app", "tags": ["1", "2", "crash"]}
        head = client.head("/test/app/manifests/1")
        digest = head.headers["docker-content-digest"]
        assert head.headers["content-type"] == "application/vnd.oci.image.manifest.v1+json"
        manifest = client.get(f"/test/app/manifests/{digest}")
        assert "sha256:" + hashlib.sha256(manifest.content).hexdigest() == digest
        blob = client.get(f"/test/app/blobs/{manifest.json()['config']['digest']}")
        assert blob.json()["config"]["Env"] == ["IMAGE_VARIABLE=from the image"]
        other = client.head("/test/app/manifests/2").headers["docker-content-digest"]
        assert other != digest

        missing = client.get("/test/app/manifests/none")
        assert (missing.status_code, missing.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
        assert client.get("/test/other/tags/list").json()["errors"][0]["code"] == "NAME_UNKNOWN"

    template = clients.template()
    template.containers[0].image = f"{registry}/test/app@{digest}"
    service = clients.create(service_id, template)
    assert httpx.get(f"{service.uri}/environment?IMAGE_VARIABLE").text == "from the image"
