"""The door to Cloud Run in fair weather: revisions that get no traffic, and traffic that moves."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from google.cloud import run_v2
from slipway.exceptions import (
    ReleaseConflict,
    RevisionNotFound,
    RevisionNotReady,
    ServiceNotFound,
)
from slipway.hooks.cloud_run.hook import (
    CloudRunTrafficHook,
    Lease,
    SecretVersion,
    image_digest,
    labelled_head,
    revision_uri,
    secrets_of,
    serving_split,
    tags_of,
)
from slipway.hooks.secret_manager import SecretVersionHook
from slipway.ledger.anchors import Head

from sandbox.supervisor.settings import Settings
from tests.integration.slipway.hooks.fault_proxy import FaultProxy
from tests.integration.slipway.hooks.web_service import PROJECT, SECONDS, Web

pytestmark = pytest.mark.sandbox


@pytest.fixture
def web(cloud_run: CloudRunTrafficHook, image: Callable[[str], str]) -> Iterator[Web]:
    """A service whose revision ``a`` has all the traffic."""
    made = Web(cloud_run, image)
    made.deploy("a")
    yield made
    made.delete()


def test_the_first_revision_serves_at_once_and_is_pinned(web: Web) -> None:
    assert web.split() == {"a": 100}
    (target,) = web.read().traffic
    assert target.revision == web.name("a")
    assert httpx.get(f"{web.read().uri}/health").headers["X-Slipway-Revision"] == web.name("a")


def test_a_new_revision_gets_no_traffic_and_is_reached_by_its_tag(web: Web) -> None:
    service = web.deploy("b", "frontend:1.1.0", tag="candidate", labels={"release": "b"})
    assert web.split() == {"a": 100}
    seen = httpx.get(f"{revision_uri(service, 'candidate')}/health")
    assert seen.headers["X-Slipway-Revision"] == web.name("b")
    for _ in range(20):
        assert httpx.get(f"{service.uri}/health").headers["X-Slipway-Revision"] == web.name("a")
    assert web.revision("b").labels["release"] == "b"


def test_a_revision_keeps_what_the_release_does_not_change(web: Web) -> None:
    secret = f"test-{uuid.uuid4().hex}"
    version = SecretVersionHook().add_version(project_id=PROJECT, secret=secret, data=b"x")
    web.deploy("b", secrets={"CONFIG": SecretVersion(secret, str(version))}, env={"COLOUR": "blue"})
    made = web.revision("b")
    values = {variable.name: variable.value for variable in made.containers[0].env if variable.value}
    assert values == {"BACKEND_URL": "http://127.0.0.1:9", "COLOUR": "blue"}
    assert secrets_of(made) == {"CONFIG": f"{secret}:1"}
    assert (made.scaling.min_instance_count, made.scaling.max_instance_count) == (0, 2)


def test_deployed_again_nothing_is_written(web: Web, proxy: FaultProxy) -> None:
    before = web.deploy("b", tag="candidate")
    proxy.reset()
    after = web.deploy("b", tag="candidate")
    assert proxy.count("PATCH") == 0
    assert (after.generation, after.etag) == (before.generation, before.etag)


def test_deployed_again_only_a_missing_tag_is_written(web: Web, proxy: FaultProxy) -> None:
    web.deploy("b")
    proxy.reset()
    service = web.deploy("b", tag="candidate")
    assert proxy.count("PATCH") == 1
    assert tags_of(service) == {"candidate": web.name("b")}
    assert len(web.hook.list_revisions(web.address)) == 2


def test_a_tag_moves_to_the_newer_revision(web: Web) -> None:
    web.deploy("b", tag="candidate")
    service = web.deploy("c", tag="candidate")
    assert tags_of(service) == {"candidate": web.name("c")}
    assert web.split() == {"a": 100}


def test_deploying_while_a_release_is_under_way_keeps_its_split(web: Web) -> None:
    web.deploy("b", tag="candidate")
    web.shift({"a": 90, "b": 10})
    web.deploy("c", tag="next")
    assert web.split() == {"a": 90, "b": 10}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"image": "frontend:1.1.0"}, "image .*frontend:1.0.0, not .*frontend:1.1.0"),
        ({"env": {"BACKEND_URL": "other"}}, "env BACKEND_URL"),
        ({"secrets": {"KEY": SecretVersion("s", "1")}}, "secret KEY=absent, not s:1"),
    ],
)
def test_a_name_that_is_taken_by_another_content_is_a_conflict(
    web: Web, changes: dict[str, Any], named: str
) -> None:
    web.deploy("b")
    generation = web.read().generation
    with pytest.raises(ReleaseConflict, match=named):
        web.deploy("b", **changes)
    assert web.read().generation == generation


def test_traffic_to_latest_is_pinned_before_a_revision_is_added(web: Web) -> None:
    latest = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
    service = run_v2.Service(name=web.read().name, traffic=[run_v2.TrafficTarget(type_=latest, percent=100)])
    client = web.hook.api_client(run_v2.ServicesClient)
    client.update_service(service=service, update_mask={"paths": ["traffic"]}).result(timeout=SECONDS)
    web.deploy("b", tag="candidate")
    assert web.split() == {"a": 100}
    assert all(target.revision for target in web.read().traffic)


def test_a_revision_that_cannot_start_says_why_and_traffic_stays(web: Web, cloud_server: Settings) -> None:
    with pytest.raises(RevisionNotReady, match=f"{web.name('b')} cannot serve: .+"):
        web.deploy("b", "backend:1.1.0-crash", tag="candidate")
    assert web.split() == {"a": 100}
    with pytest.raises(RevisionNotReady):
        web.deploy("b", "backend:1.1.0-crash", tag="candidate")
    assert web.split() == {"a": 100}
    with pytest.raises(RevisionNotReady, match=web.name("b")):
        web.shift({"a": 90, "b": 10}, timeout=10)
    assert web.split() == {"a": 100}
    web.deploy("c", "frontend:1.1.0", tag="candidate")
    web.shift({"c": 100})
    assert web.split() == {"c": 100}


def test_an_image_that_is_not_there_leaves_everything_serving(web: Web) -> None:
    with pytest.raises(RevisionNotReady, match=web.name("b")):
        web.deploy("b", "frontend:9.9.9")
    assert web.split() == {"a": 100}


def test_the_etag_expected_guards_a_deployment(web: Web) -> None:
    stale = web.read().etag
    web.deploy("b", expected_etag=stale)
    with pytest.raises(ReleaseConflict, match="expected etag"):
        web.deploy("c", expected_etag=stale)
    assert [short.name.rsplit("-", 1)[-1] for short in web.hook.list_revisions(web.address)] == ["b", "a"]
    web.deploy("b", expected_etag=stale)


def test_the_digest_of_a_revision(web: Web) -> None:
    digest = "sha256:" + "0" * 64
    assert image_digest(web.revision("a")) is None
    with pytest.raises(RevisionNotReady):
        web.deploy("b", f"frontend@{digest}")
    assert image_digest(web.revision("b")) == digest


def test_traffic_moves_and_says_from_where_to_where(web: Web, cloud_server: Settings) -> None:
    web.deploy("b", tag="candidate")
    a, b = web.name("a"), web.name("b")
    change = web.shift({"a": 90, "b": 10})
    assert (change.before, change.after, change.changed) == ({a: 100}, {a: 90, b: 10}, True)
    assert change.etag == web.read().etag
    log = (cloud_server.run / "traffic.jsonl").read_text().splitlines()
    applied = [line["split"] for line in map(json.loads, log) if line["service"] == web.address.service]
    assert {revision: percent for revision, percent in applied[-1].items() if percent} == {a: 90, b: 10}
    assert tags_of(web.read()) == {"candidate": b}


def test_traffic_that_is_so_already_is_not_written(web: Web, proxy: FaultProxy) -> None:
    etag = web.read().etag
    proxy.reset()
    change = web.shift({"a": 100})
    assert not change.changed
    assert change.etag == etag
    assert proxy.count("PATCH") == 0


def test_what_a_change_found_can_be_given_back(web: Web) -> None:
    web.deploy("b", tag="candidate")
    change = web.shift({"b": 100})
    web.hook.set_traffic(web.address, split=change.before, timeout=SECONDS)
    assert web.split() == {"a": 100}


def test_the_end_of_the_record_is_labelled_with_a_shift_and_makes_no_revision(web: Web) -> None:
    web.deploy("a")
    web.deploy("b")
    revisions = len(web.hook.list_revisions(web.address))
    head = Head("v1", 7, "cd" * 32)
    lease = Lease("v1", "run", datetime.now(UTC) + timedelta(minutes=1), head.label)
    web.hook.set_traffic(
        web.address, split={web.name("a"): 60, web.name("b"): 40}, lease=lease, timeout=SECONDS
    )
    assert labelled_head(web.hook.get_service(web.address)) == ("v1", head.label)
    later = replace(lease, until=lease.until + timedelta(minutes=1), head=replace(head, sequence=8).label)
    web.hook.take_lease(web.address, later, timeout=SECONDS)
    assert labelled_head(web.hook.get_service(web.address)) == ("v1", later.head)
    assert web.hook.free_lease(web.address, "v1", timeout=SECONDS)
    assert labelled_head(web.hook.get_service(web.address)) == ("v1", later.head), "it outlives the lock"
    assert len(web.hook.list_revisions(web.address)) == revisions


def test_tags_can_be_replaced(web: Web) -> None:
    web.deploy("b", tag="candidate")
    web.shift({"b": 100}, tags={web.name("a"): "previous"})
    assert tags_of(web.read()) == {"previous": web.name("a")}
    web.shift({"b": 100}, tags={})
    assert tags_of(web.read()) == {}


def test_an_etag_that_is_not_the_current_one_stops_the_change(web: Web) -> None:
    stale = web.read().etag
    web.deploy("b")
    with pytest.raises(ReleaseConflict, match=f"expected etag {stale}.*read it again"):
        web.shift({"b": 100}, etag=stale)
    assert web.split() == {"a": 100}
    web.shift({"b": 100}, etag=web.read().etag)
    assert web.split() == {"b": 100}


def test_a_split_that_is_not_whole_calls_nobody(web: Web, proxy: FaultProxy) -> None:
    proxy.reset()
    with pytest.raises(ValueError, match="90 % in total"):
        web.shift({"a": 90})
    assert proxy.count("GET") == 0


def test_what_does_not_exist_is_named(web: Web) -> None:
    with pytest.raises(RevisionNotFound, match=web.name("nothing")):
        web.shift({"a": 50, "nothing": 50}, timeout=10)
    assert web.split() == {"a": 100}
    web.shift({"a": 100})
    with pytest.raises(RevisionNotFound, match=web.name("nothing")):
        web.revision("nothing")
    with pytest.raises(ServiceNotFound, match="service absent"):
        web.hook.get_service(replace(web.address, service="absent"))


def test_two_runs_of_one_task_make_one_revision(web: Web) -> None:
    results: list[run_v2.Service | Exception] = []

    def work() -> None:
        with web.hook.own_channel() as twin:
            try:
                results.append(web.as_seen_by(twin).deploy("b", tag="candidate"))
            except ReleaseConflict as error:
                results.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert [type(result) for result in results] == [run_v2.Service] * 4
    assert web.split() == {"a": 100}
    assert len(web.hook.list_revisions(web.address)) == 2


@pytest.mark.asyncio
async def test_a_trigger_moves_traffic_without_blocking(web: Web) -> None:
    await asyncio.to_thread(web.deploy, "b")
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    heart = asyncio.create_task(beat())
    split = {web.name("a"): 50, web.name("b"): 50}
    change = await web.hook.call_async(
        lambda twin: twin.set_traffic(web.address, split=split, timeout=SECONDS)
    )
    service = await web.hook.call_async(lambda twin: twin.get_service(web.address))
    heart.cancel()
    assert change.after == serving_split(service) == split
    assert beats > 3
