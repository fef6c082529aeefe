"""A rollback target is usable when a new instance of it could start now."""

from __future__ import annotations

import pytest
from google.cloud import run_v2
from slipway.hooks.cloud_run.hook import ServiceAddress
from slipway.release.rollback.target import read_target

ADDRESS = ServiceAddress("netra", "us-central1", "web")


class CloudRun:
    """A service whose revision mounts a secret."""

    def __init__(self, version: str) -> None:
        self.version = version

    def get_service(self, address: ServiceAddress) -> run_v2.Service:
        return run_v2.Service(
            name=address.name,
            latest_ready_revision=address.revision("web-1"),
            traffic_statuses=[{"revision": "web-1", "percent": 100}],
        )

    def get_revision(self, address: ServiceAddress, revision: str) -> run_v2.Revision:
        reference = {"secret_key_ref": {"secret": "key", "version": self.version}}
        container = {"image": "web@sha256:1", "env": [{"name": "KEY", "value_source": reference}]}
        ready = {"type_": "Ready", "state": "CONDITION_SUCCEEDED"}
        return run_v2.Revision(containers=[container], conditions=[ready])


class Secrets:
    """Version 1 is enabled; version 2, the newest, is not."""

    def version_state(self, *, project_id: str, secret: str, version: str) -> str:
        return {"1": "ENABLED", "2": "DISABLED", "latest": "DISABLED"}[version]


@pytest.mark.parametrize(
    ("version", "findings"),
    [
        ("1", ()),
        ("2", ("revision web-1: KEY is key:2, which is DISABLED",)),
        ("latest", ("revision web-1: KEY is key:latest, which is DISABLED",)),
    ],
)
def test_a_target_mounts_only_what_an_instance_can_read(version: str, findings: tuple[str, ...]) -> None:
    target = read_target(CloudRun(version), Secrets(), ADDRESS, release="r")  # type: ignore[arg-type]
    assert target.findings == findings
