"""A split that is in force for half of the requests at first, as Google says that it may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from google.cloud import run_v2
from slipway.hooks.service_probe import ServiceProbeHook
from slipway.policy.serving import Verification
from slipway.release.verification import verify_split

from bench.running_cloud import Clients, CloudProcess, to, wait_for
from sandbox.supervisor.settings import Settings
from tests.waiting import BOUND_SECONDS

pytestmark = pytest.mark.sandbox
OLD, NEW = "one-a", "one-b"
SPREADING_SECONDS = 3.0
RULES = Verification(
    path="/health",
    revision_header="x-slipway-revision",
    false_alarm_probability=1e-6,
    min_detectable_percent=10,
    settle_seconds=BOUND_SECONDS,
)


@pytest.fixture
def service(tmp_path: Path, images: Path, other_port_base: int) -> Iterator[tuple[Clients, run_v2.Service]]:
    """A service with an old revision that serves, and a new one; its splits spread."""
    options = ("--spreading", str(SPREADING_SECONDS))
    cloud = CloudProcess(Settings(tmp_path, other_port_base), images, options)
    cloud.start()
    clients = Clients(cloud.settings)
    try:
        name = clients.create("one", clients.template(revision=OLD)).name
        template = clients.template(image="2", revision=NEW)
        changed = run_v2.Service(
            name=name, template=template, traffic=[to(OLD, 100), to(NEW, tag="candidate")]
        )
        yield clients, clients.update(changed, ["template", "traffic"])
    finally:
        clients.close()
        cloud.stop()


def _answered(uri: str, requests: int) -> Counter[str]:
    with httpx.Client() as client:
        return Counter(
            client.get(f"{uri}/health").raise_for_status().headers["x-slipway-revision"]
            for _ in range(requests)
        )


def test_a_split_spreads_and_is_verified_once_it_is_everywhere(
    service: tuple[Clients, run_v2.Service],
) -> None:
    clients, one = service

    def shift(split: dict[str, int]) -> None:
        clients.shift(one.name, *(to(revision, percent) for revision, percent in split.items()))

    def verify(split: dict[str, int]) -> None:
        found = verify_split(ServiceProbeHook(), one.uri, split, RULES, seconds=RULES.settle_seconds)
        assert found["verdict"] == "promote", found["reason"]

    def both_answer_after_the_operation() -> bool:
        shift({NEW: 100})
        verify({NEW: 100})
        shift({OLD: 100})
        return _answered(one.uri, 30).keys() == {OLD, NEW}

    # On a busy machine the split may be everywhere before the first request is sent.
    wait_for(both_answer_after_the_operation, "a request that follows the split before")
    verify({OLD: 100})
    assert _answered(one.uri, 50) == {OLD: 50}
