"""The door to the registry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from slipway.exceptions import ImageNotFound, RegistryUnavailable, SlipwayError
from slipway.hooks.container_registry import ContainerRegistryHook

from sandbox.supervisor.settings import HOST, Settings
from tests.integration.slipway.hooks.fault_proxy import Fault, FaultProxy, fault_proxy

pytestmark = pytest.mark.sandbox


@pytest.fixture
def registry(cloud_server: Settings) -> Iterator[FaultProxy]:
    with fault_proxy(f"http://{HOST}:{cloud_server.registry_port}") as running:
        yield running


@pytest.fixture
def repository(registry: FaultProxy) -> str:
    return f"{registry.url.removeprefix('http://')}/netra/backend"


def test_a_tag_stands_for_a_digest_that_resolves_to_itself(image: Callable[[str], str]) -> None:
    hook = ContainerRegistryHook()
    resolved = hook.resolve_digest(image("backend:1.1.0"))
    assert re.fullmatch(re.escape(image("backend")) + r"@sha256:[0-9a-f]{64}", resolved)
    assert hook.resolve_digest(resolved) == resolved
    assert hook.resolve_digest(image("backend:1.0.0")) != resolved


def test_an_absent_image_says_what_to_do(image: Callable[[str], str]) -> None:
    absent = [image("backend:9.9.9"), image("nothing:1.0.0"), image(f"backend@sha256:{'0' * 64}")]
    for reference in absent:
        with pytest.raises(ImageNotFound, match="does not have it; push it") as caught:
            ContainerRegistryHook().resolve_digest(reference)
        assert reference in str(caught.value)


def test_the_connection_may_say_where_the_registry_is(
    cloud_server: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"api_endpoints": {"registry": f"http://{HOST}:{cloud_server.registry_port}"}}
    named = "registry.example.com/netra/backend"
    for anonymous in (True, False):
        connection = {"conn_type": "google_cloud_platform", "extra": {**extra, "is_anonymous": anonymous}}
        monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", json.dumps(connection))
        hook = ContainerRegistryHook("elsewhere")
        if anonymous:
            assert hook.resolve_digest(f"{named}:1.1.0").startswith(f"{named}@sha256:")
        else:
            with pytest.raises(SlipwayError, match="would carry credentials in clear"):
                hook.resolve_digest(f"{named}:1.1.0")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("HEAD", "manifests", status=503, times=2),
        Fault("HEAD", "manifests", status=429, times=3),
        Fault("HEAD", "manifests", lost="answer", times=2),
        Fault("HEAD", "manifests", delay=0.8),
    ],
    ids=["503", "429", "lost", "slow"],
)
def test_a_passing_failure_is_waited_out(registry: FaultProxy, repository: str, fault: Fault) -> None:
    injected = registry.inject(fault)
    hook = ContainerRegistryHook(timeout=0.5)
    assert hook.resolve_digest(f"{repository}:1.1.0").startswith(f"{repository}@sha256:")
    assert injected.times == 0


@pytest.mark.parametrize(("status", "asked"), [(503, 4), (403, 1)])
def test_a_lasting_failure_names_the_registry(
    registry: FaultProxy, repository: str, status: int, asked: int
) -> None:
    registry.inject(Fault("HEAD", "manifests", status=status, times=99))
    with pytest.raises(RegistryUnavailable, match=f"{repository}:1.1.0"):
        ContainerRegistryHook().resolve_digest(f"{repository}:1.1.0")
    assert registry.count("HEAD") == asked
