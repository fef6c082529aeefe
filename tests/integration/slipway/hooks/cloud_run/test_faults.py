"""The door to Cloud Run when requests are refused, delayed or lost: every call ends in the right state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from google.cloud import run_v2
from slipway.exceptions import CloudRunError, ReleaseConflict
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, tags_of

from sandbox.supervisor.settings import HOST, Settings
from tests.integration.slipway.hooks.fault_proxy import Fault, FaultProxy
from tests.integration.slipway.hooks.web_service import SECONDS, Web

pytestmark = pytest.mark.sandbox
SHORT = 8.0

PASSING = {
    "write-503": Fault("PATCH", "services", status=503, times=2),
    "write-500": Fault("PATCH", "services", status=500),
    "write-429": Fault("PATCH", "services", status=429, times=2),
    "write-answer-lost": Fault("PATCH", "services", lost="answer"),
    "write-request-lost": Fault("PATCH", "services", lost="request"),
    "write-answer-late": Fault("PATCH", "services", delay=3.0),
    "write-409": Fault("PATCH", "services", status=409),
    "read-503": Fault("GET", "/services/[^/]+$", status=503, times=2),
    "read-lost": Fault("GET", "/services/", lost="answer", times=2),
    "poll-503": Fault("GET", "operations", status=503, times=2),
    "poll-404": Fault("GET", "operations", status=404, times=99),
    "poll-lost": Fault("GET", "operations", lost="answer", times=2),
}
passing = pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)


@pytest.fixture(scope="module")
def service(google_proxy: FaultProxy, image: Callable[[str], str]) -> Iterator[Web]:
    """A service with two revisions, made once: it outlives the hook that made it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", _connection(google_proxy))
        hook = CloudRunTrafficHook()
    made = Web(hook, image)
    made.deploy("a")
    made.deploy("b", tag="candidate")
    yield made
    google_proxy.reset()
    made.delete()
    hook.close()


def _connection(proxy: FaultProxy) -> str:
    return (
        '{"conn_type": "google_cloud_platform", "extra": {"project": "p", "is_anonymous": true,'
        f' "api_endpoints": {{"run": "{proxy.url}"}}}}}}'
    )


@pytest.fixture
def web(service: Web, cloud_run: CloudRunTrafficHook, proxy: FaultProxy) -> Web:
    """The service with all its traffic on ``a``."""
    found = service.as_seen_by(cloud_run)
    found.shift({"a": 100}, tags={found.name("b"): "candidate"})
    proxy.reset()
    return found


@pytest.fixture
def somebody(service: Web, cloud_server: Settings) -> Iterator[Callable[[dict[str, int]], None]]:
    """Somebody else, who changes the traffic past the proxy."""
    google = f"http://{HOST}:{cloud_server.google_port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", _connection(FaultProxy("", url=google)))
        hook = CloudRunTrafficHook()
    other = service.as_seen_by(hook)

    def change(split: dict[str, int]) -> None:
        other.shift(split)

    yield change
    hook.close()


@passing
def test_traffic_ends_as_wanted(web: Web, proxy: FaultProxy, fault: Fault) -> None:
    generation = web.read().generation
    injected = proxy.inject(fault)
    change = web.shift({"a": 90, "b": 10}, timeout=SHORT)
    assert injected.times < fault.times
    proxy.reset()
    assert change.changed
    assert change.before == {web.name("a"): 100}
    assert web.split() == {"a": 90, "b": 10}
    assert web.read().generation == generation + 1, "the change must be made once"
    assert tags_of(web.read()) == {"candidate": web.name("b")}


@pytest.mark.parametrize(
    "lost", ["write-answer-lost", "write-answer-late", "write-request-lost", "write-503"]
)
def test_a_guarded_change_whose_answer_is_lost_is_recognised(web: Web, proxy: FaultProxy, lost: str) -> None:
    etag = web.read().etag
    proxy.inject(PASSING[lost])
    assert web.shift({"b": 100}, etag=etag, timeout=SHORT).changed
    assert web.split() == {"b": 100}


def test_a_guarded_change_is_refused_without_a_further_read(web: Web, proxy: FaultProxy) -> None:
    etag = web.read().etag
    proxy.reset()
    proxy.inject(PASSING["write-409"])
    with pytest.raises(ReleaseConflict, match="changed since it was read"):
        web.shift({"b": 100}, etag=etag)
    assert (proxy.count("GET"), proxy.count("PATCH")) == (1, 1)
    assert web.split() == {"a": 100}


def test_somebody_elses_change_is_never_overwritten(
    web: Web, proxy: FaultProxy, somebody: Callable[[dict[str, int]], None]
) -> None:
    proxy.inject(Fault("PATCH", "services", before=lambda: somebody({"a": 50, "b": 50})))
    with pytest.raises(ReleaseConflict, match=r"generation \d+ -> \d+, traffic .*100.* -> .*50"):
        web.shift({"a": 90, "b": 10})
    assert web.split() == {"a": 50, "b": 50}


def test_somebody_elses_change_to_the_same_split_is_welcome(
    web: Web, proxy: FaultProxy, somebody: Callable[[dict[str, int]], None]
) -> None:
    proxy.inject(Fault("PATCH", "services", before=lambda: somebody({"b": 100})))
    web.shift({"b": 100})
    assert web.split() == {"b": 100}


def test_somebody_elses_change_right_after_ours_is_noticed(
    web: Web, proxy: FaultProxy, somebody: Callable[[dict[str, int]], None]
) -> None:
    proxy.inject(Fault("GET", "operations", before=lambda: somebody({"a": 50, "b": 50})))
    began = time.monotonic()
    with pytest.raises(ReleaseConflict, match="changed again while it was being set"):
        web.shift({"a": 90, "b": 10})
    assert time.monotonic() - began < SECONDS, "there is nothing to wait for"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PATCH", "services", status=503, times=999),
        Fault("PATCH", "services", lost="request", times=999),
        Fault("PATCH", "services", lost="request", delay=20.0, times=2),
        Fault("GET", "/services/", status=503, times=999),
    ],
    ids=["write-503", "write-lost", "write-hangs", "read-503"],
)
def test_a_lasting_failure_ends_within_a_bound_and_changes_nothing(
    web: Web, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.inject(fault)
    began = time.monotonic()
    with pytest.raises(CloudRunError, match=web.address.service):
        web.shift({"b": 100}, timeout=4.0)
    assert time.monotonic() - began < SECONDS
    proxy.reset()
    assert web.split() == {"a": 100}


@passing
def test_a_revision_is_made_once_and_traffic_stays(
    web: Web, proxy: FaultProxy, fault: Fault, request: pytest.FixtureRequest
) -> None:
    suffix = request.node.callspec.id.replace("-", "")
    made = len(web.hook.list_revisions(web.address))
    injected = proxy.inject(fault)
    web.deploy(suffix, tag="candidate", timeout=SHORT * 2)
    assert injected.times < fault.times
    proxy.reset()
    assert web.split() == {"a": 100}
    assert tags_of(web.read())["candidate"] == web.name(suffix)
    assert len(web.hook.list_revisions(web.address)) == made + 1


def test_a_deployment_that_broke_off_is_completed_by_the_next_one(web: Web, proxy: FaultProxy) -> None:
    proxy.inject(Fault("PATCH", "services", delay=0.0))
    proxy.inject(Fault("PATCH", "services", status=503, times=999))
    with pytest.raises(CloudRunError):
        web.deploy("broken", tag="next", timeout=4.0)
    assert "next" not in tags_of(web.read())
    assert web.revision("broken")
    proxy.reset()
    web.deploy("broken", tag="next")
    assert tags_of(web.read())["next"] == web.name("broken")
    assert proxy.count("PATCH") == 1, "the revision was there: only its tag was missing"


def test_a_deployment_never_overwrites_somebody_elses_change(
    web: Web, proxy: FaultProxy, somebody: Callable[[dict[str, int]], None]
) -> None:
    proxy.inject(Fault("PATCH", "services", before=lambda: somebody({"a": 50, "b": 50})))
    with pytest.raises(ReleaseConflict, match="traffic"):
        web.deploy("late", tag="next")
    assert web.split() == {"a": 50, "b": 50}
    names = [revision.name for revision in web.hook.list_revisions(web.address)]
    assert not any(name.endswith(web.name("late")) for name in names)


@pytest.mark.parametrize("lost", ["write-answer-lost", "write-request-lost", "write-503"])
def test_the_first_revision_of_a_service_survives_the_network(
    cloud_run: CloudRunTrafficHook, image: Callable[[str], str], proxy: FaultProxy, lost: str
) -> None:
    web = Web(cloud_run, image)
    proxy.inject(PASSING[lost])
    web.deploy("a", tag="first", timeout=SHORT * 2)
    assert web.split() == {"a": 100}
    assert len(cloud_run.list_revisions(web.address)) == 1
    cloud_run.api_client(run_v2.ServicesClient).delete_service(name=web.read().name).result(SECONDS)
