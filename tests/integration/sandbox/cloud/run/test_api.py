"""The Admin API as the official clients see it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.longrunning import operations_pb2

from bench.running_cloud import LATEST, PROJECT, Clients, done, to

pytestmark = pytest.mark.sandbox
SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED
FAILED = run_v2.Condition.State.CONDITION_FAILED


def short(name: str) -> str:
    return name.rpartition("/")[2]


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A file that keeps new instances from starting while it is there."""
    path = tmp_path / "held"
    path.touch()
    return path


@pytest.mark.conformance(
    "ServicesClient.create_service",
    "ServicesClient.get_service",
    "ServicesClient.list_services",
    "ServicesClient.delete_service",
    "AbstractOperationsClient.get_operation",
)
def test_create_get_list_delete(clients: Clients, service_id: str) -> None:
    created = clients.create(service_id, clients.template(), labels={"team": "a"})
    assert created.name == f"{PROJECT}/services/{service_id}"
    assert created.terminal_condition.state == SUCCEEDED
    assert created.latest_ready_revision == created.latest_created_revision
    assert short(created.latest_ready_revision).startswith(f"{service_id}-00001-")
    assert (created.generation, created.observed_generation, created.reconciling) == (1, 1, False)
    assert [(s.revision, s.percent) for s in created.traffic_statuses] == [
        (short(created.latest_ready_revision), 100)
    ]
    assert created.uri.startswith("http://127.0.0.1:")

    read = clients.services.get_service(name=created.name)
    assert read == created
    assert read.labels == {"team": "a"}
    assert created in list(clients.services.list_services(parent=PROJECT))

    deleted = done(
        clients.services.delete_service(
            name=created.name,
        )
    )
    assert deleted.name == created.name
    with pytest.raises(exceptions.NotFound, match=f"Resource '{service_id}' of kind 'SERVICE'"):
        clients.services.get_service(name=created.name)


@pytest.mark.conformance("RevisionsClient.list_revisions")
def test_list_in_pages(clients: Clients, service_id: str) -> None:
    clients.create(service_id, clients.template())
    for number in range(2, 5):
        name = f"{PROJECT}/services/{service_id}"
        template = clients.template(revision=f"{service_id}-r{number}")
        clients.update(run_v2.Service(name=name, template=template), ["template"])
    request = run_v2.ListRevisionsRequest(parent=f"{PROJECT}/services/{service_id}", page_size=3)
    pages = [[short(r.name) for r in p.revisions] for p in clients.revisions.list_revisions(request).pages]
    assert [len(p) for p in pages] == [3, 1]
    assert pages[0] == [f"{service_id}-r4", f"{service_id}-r3", f"{service_id}-r2"]


def test_create_twice_is_refused(clients: Clients, service_id: str) -> None:
    clients.create(service_id, clients.template())
    with pytest.raises(exceptions.Conflict, match="already exists"):
        clients.create(service_id, clients.template())


def test_operation_runs_while_the_revision_starts(clients: Clients, service_id: str, held: Path) -> None:
    service = run_v2.Service(template=clients.template(WAIT_WHILE_EXISTS=str(held)))
    operation = clients.services.create_service(parent=PROJECT, service=service, service_id=service_id)
    assert not operation.done()
    assert operation.metadata.reconciling
    assert operation.metadata.terminal_condition.state == run_v2.Condition.State.CONDITION_RECONCILING
    held.unlink()
    name = operation.operation.name
    waited = clients.services.wait_operation(
        operations_pb2.WaitOperationRequest(name=name, timeout={"seconds": 60})
    )
    assert waited.done
    listed = clients.services.list_operations(operations_pb2.ListOperationsRequest(name=PROJECT))
    assert name in [o.name for o in listed.operations]
    assert done(operation).name == f"{PROJECT}/services/{service_id}"


@pytest.mark.conformance("ServicesClient.update_service", "AbstractOperationsClient.get_operation")
def test_update_masks(clients: Clients, service_id: str) -> None:
    created = clients.create(service_id, clients.template(VARIABLE="a"), labels={"team": "a"})

    # only what the mask names
    labelled = clients.update(run_v2.Service(name=created.name, labels={"team": "b"}), ["labels"])
    assert labelled.labels == {"team": "b"}
    assert labelled.template == created.template
    assert labelled.latest_created_revision == created.latest_created_revision
    assert labelled.generation == 2

    # a new template is a new revision, and traffic to the latest follows it
    template = clients.template(VARIABLE="b")
    updated = clients.update(run_v2.Service(name=created.name, template=template), ["template"])
    assert short(updated.latest_ready_revision).startswith(f"{service_id}-00002-")
    assert [s.revision for s in updated.traffic_statuses] == [short(updated.latest_ready_revision)]
    assert updated.labels == {"team": "b"}

    # no mask: everything is replaced
    replaced = clients.update(run_v2.Service(name=created.name, template=template))
    assert not replaced.labels
    assert replaced.latest_created_revision == updated.latest_created_revision

    with pytest.raises(exceptions.BadRequest, match="generation"):
        clients.update(run_v2.Service(name=created.name), ["generation"])


@pytest.mark.conformance("RevisionsClient.get_revision")
def test_revisions_are_immutable(clients: Clients, service_id: str) -> None:
    created = clients.create(service_id, clients.template(VARIABLE="a"))
    first = clients.revisions.get_revision(name=created.latest_ready_revision)
    clients.update(run_v2.Service(name=created.name, template=clients.template(VARIABLE="b")), ["template"])
    again = clients.revisions.get_revision(name=first.name)
    assert [v.value for v in again.containers[0].env] == ["a"]
    assert again.etag == first.etag


def test_stale_etag_is_a_conflict(clients: Clients, service_id: str) -> None:
    created = clients.create(service_id, clients.template())
    clients.update(run_v2.Service(name=created.name, labels={"a": "b"}, etag=created.etag), ["labels"])
    with pytest.raises(exceptions.Conflict, match=f"Conflict for resource '{service_id}'") as caught:
        clients.update(run_v2.Service(name=created.name, labels={}, etag=created.etag), ["labels"])
    assert caught.value.response.json()["error"]["status"] == "ABORTED"
    with pytest.raises(exceptions.Conflict):
        clients.services.delete_service(run_v2.DeleteServiceRequest(name=created.name, etag=created.etag))


def test_validate_only_changes_nothing(clients: Clients, service_id: str) -> None:
    created = clients.create(service_id, clients.template())
    request = run_v2.UpdateServiceRequest(
        service=run_v2.Service(name=created.name, template=clients.template(VARIABLE="x")), validate_only=True
    )
    operation = clients.services.update_service(request)
    assert operation.done()
    assert operation.result().generation == created.generation + 1
    assert clients.services.get_service(name=created.name) == created
    request.service.traffic = [to("anything", 99)]
    with pytest.raises(exceptions.BadRequest, match="must sum up to 100, got 99"):
        clients.services.update_service(request)


@pytest.mark.conformance("ServicesClient.update_service")
def test_allow_missing_creates(clients: Clients, service_id: str) -> None:
    service = run_v2.Service(name=f"{PROJECT}/services/{service_id}", template=clients.template())
    request = run_v2.UpdateServiceRequest(service=service)
    with pytest.raises(exceptions.NotFound):
        clients.services.update_service(request)
    request.allow_missing = True
    assert done(clients.services.update_service(request)).terminal_condition.state == SUCCEEDED


def test_missing_image(clients: Clients, service_id: str) -> None:
    created = clients.create(service_id, clients.template())
    template = clients.template(image="none", revision=f"{service_id}-bad")
    with pytest.raises(exceptions.GoogleAPICallError, match=r"Image '[^']*test/app:none' not found\."):
        clients.update(run_v2.Service(name=created.name, template=template), ["template"])
    revision = clients.revisions.get_revision(name=f"{created.name}/revisions/{service_id}-bad")
    ready = next(c for c in revision.conditions if c.type_ == "Ready")
    assert (ready.state, ready.reason) == (FAILED, run_v2.Condition.CommonReason.CONTAINER_MISSING)


def test_failed_revision_leaves_the_traffic_alone(clients: Clients, service_id: str) -> None:
    created = clients.create(service_id, clients.template())
    template = clients.template(image="crash", revision=f"{service_id}-crash")
    with pytest.raises(
        exceptions.GoogleAPICallError, match="is not ready and cannot serve traffic"
    ) as caught:
        clients.update(run_v2.Service(name=created.name, template=template), ["template"])
    assert "exited with code 3" in str(caught.value)

    service = clients.services.get_service(name=created.name)
    assert service.latest_ready_revision == created.latest_ready_revision
    assert short(service.latest_created_revision) == f"{service_id}-crash"
    assert list(service.traffic_statuses) == list(created.traffic_statuses)
    assert (service.terminal_condition.state, service.reconciling) == (FAILED, False)

    # and naming it in the traffic is refused the same way
    with pytest.raises(exceptions.GoogleAPICallError, match="is not ready"):
        clients.shift(created.name, to(f"{service_id}-crash", 100))
    latest = [run_v2.TrafficTarget(type_=LATEST, percent=100)]
    good = run_v2.Service(name=created.name, template=clients.template(image="2"), traffic=latest)
    assert clients.update(good).terminal_condition.state == SUCCEEDED


def test_failed_creation_leaves_the_service(clients: Clients, service_id: str) -> None:
    with pytest.raises(exceptions.GoogleAPICallError, match="is not ready"):
        clients.create(service_id, clients.template(image="crash"))
    service = clients.services.get_service(name=f"{PROJECT}/services/{service_id}")
    assert (service.terminal_condition.state, service.latest_ready_revision) == (FAILED, "")


def test_unknown_revision_fails_within_the_operation(clients: Clients, service_id: str) -> None:
    created = clients.create(service_id, clients.template())
    request = run_v2.Service(name=created.name, traffic=[to("nobody", 100)])
    operation = clients.begin_update(request, ["traffic"])
    with pytest.raises(exceptions.GoogleAPICallError, match="'nobody' does not exist or is deleted"):
        done(operation)
    assert operation.operation.error.code == 13
    service = clients.services.get_service(name=created.name)
    assert list(service.traffic_statuses) == list(created.traffic_statuses)


def test_revision_name_with_another_configuration(clients: Clients, service_id: str) -> None:
    name = f"{service_id}-one"
    created = clients.create(service_id, clients.template(revision=name, VARIABLE="a"))
    other = clients.template(revision=name, VARIABLE="b")
    words = f"Revision named '{name}' with different configuration already exists"
    with pytest.raises(exceptions.Conflict, match=words):
        clients.update(run_v2.Service(name=created.name, template=other), ["template"])
    # the same configuration again is no change of it
    same = clients.update(run_v2.Service(name=created.name, template=created.template), ["template"])
    assert same.latest_created_revision == created.latest_created_revision


def test_pinned_traffic_does_not_follow_the_latest(clients: Clients, service_id: str) -> None:
    created = clients.create(service_id, clients.template(revision=f"{service_id}-old"))
    pinned = [to(f"{service_id}-old", 100), to(f"{service_id}-new", tag="candidate")]
    template = clients.template(image="2", revision=f"{service_id}-new")
    request = run_v2.Service(name=created.name, template=template, traffic=pinned)
    service = clients.update(request, ["template", "traffic"])
    assert short(service.latest_ready_revision) == f"{service_id}-new"
    assert [(s.revision, s.percent, s.tag) for s in service.traffic_statuses] == [
        (f"{service_id}-old", 100, ""),
        (f"{service_id}-new", 0, "candidate"),
    ]
    assert service.traffic_statuses[1].uri not in ("", service.uri)

    latest = run_v2.TrafficTarget(type_=LATEST, percent=100)
    service = clients.shift(created.name, latest)
    assert [(s.revision, s.percent) for s in service.traffic_statuses] == [(f"{service_id}-new", 100)]


@pytest.mark.conformance("RevisionsClient.delete_revision")
def test_delete_revision(clients: Clients, service_id: str) -> None:
    created = clients.create(service_id, clients.template(revision=f"{service_id}-one"))
    updated = clients.update(
        run_v2.Service(name=created.name, template=clients.template(revision=f"{service_id}-two")),
        ["template"],
    )
    with pytest.raises(exceptions.BadRequest, match="cannot be deleted"):
        clients.revisions.delete_revision(name=updated.latest_ready_revision)
    with pytest.raises(exceptions.Conflict):
        clients.revisions.delete_revision(
            run_v2.DeleteRevisionRequest(name=created.latest_ready_revision, etag='"other"')
        )
    done(clients.revisions.delete_revision(name=created.latest_ready_revision))
    with pytest.raises(exceptions.NotFound, match="of kind 'REVISION'"):
        clients.revisions.get_revision(name=created.latest_ready_revision)


def test_shift_does_not_wait_for_a_deployment(clients: Clients, service_id: str, held: Path) -> None:
    created = clients.create(service_id, clients.template(revision=f"{service_id}-old"))
    old = to(f"{service_id}-old", 100)
    clients.shift(created.name, old)
    template = clients.template(revision=f"{service_id}-new", instances=3, WAIT_WHILE_EXISTS=str(held))
    deployment = clients.begin_update(run_v2.Service(name=created.name, template=template), ["template"])
    shifted = clients.shift(created.name, old, to(f"{service_id}-old", tag="probe"))
    assert not deployment.done()
    assert shifted.reconciling
    assert [s.tag for s in shifted.traffic_statuses] == ["", "probe"]
    held.unlink()
    assert not done(deployment).reconciling


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"traffic": [to("r", 60), to("q", 30)]}, "must sum up to 100, got 90"),
        ({"traffic": [to("r", 100, "t"), to("q", 0, "t")]}, "tag t given more than once"),
        ({"traffic": [run_v2.TrafficTarget(revision="r", percent=100)]}, "type: must be set"),
        ({"traffic": [to("r", 101), to("q", -1)]}, "must be between 0 and 100"),
        ({"template": run_v2.RevisionTemplate()}, "exactly one container"),
    ],
)
def test_wrong_requests_are_refused(
    clients: Clients, service_id: str, changes: dict[str, object], message: str
) -> None:
    service = run_v2.Service({"template": clients.template()} | changes)
    with pytest.raises(exceptions.BadRequest, match=message):
        clients.services.create_service(parent=PROJECT, service=service, service_id=service_id)


def test_unused_revision_is_started_once_and_stopped(clients: Clients, service_id: str) -> None:
    """Deploying without traffic or tag still proves that the revision starts."""
    created = clients.create(service_id, clients.template(revision=f"{service_id}-old"))
    clients.shift(created.name, to(f"{service_id}-old", 100))
    template = clients.template(revision=f"{service_id}-new")
    service = clients.update(run_v2.Service(name=created.name, template=template), ["template"])
    assert short(service.latest_ready_revision) == f"{service_id}-new"
    # traffic can be moved to it although its instances are gone again
    shifted = clients.shift(created.name, to(f"{service_id}-new", 100))
    assert [s.revision for s in shifted.traffic_statuses] == [f"{service_id}-new"]


def test_a_service_closed_to_the_outside_answers_404_and_keeps_its_split(
    clients: Clients, service_id: str
) -> None:
    """Ingress from inside alone: what comes over the internet meets Google's front end, and no container."""
    revision = f"{service_id}-a"
    created = clients.create(service_id, clients.template(revision=revision), ingress="INGRESS_TRAFFIC_ALL")
    clients.shift(created.name, to(revision, 100, "t"))
    internal = run_v2.Service(name=created.name, ingress="INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER")
    closed = clients.update(internal, ["ingress"])
    (tagged,) = [status.uri for status in closed.traffic_statuses if status.tag]
    assert [httpx.get(url).status_code for url in (closed.uri, tagged)] == [404, 404]
    assert [(s.revision, s.percent) for s in closed.traffic_statuses] == [(revision, 100)]
    opened = clients.update(run_v2.Service(name=created.name, ingress="INGRESS_TRAFFIC_ALL"), ["ingress"])
    assert [httpx.get(url).status_code for url in (opened.uri, tagged)] == [200, 200]


def test_a_disabled_default_url_takes_the_tags_urls_with_it(clients: Clients, service_id: str) -> None:
    revision = f"{service_id}-a"
    created = clients.create(service_id, clients.template(revision=revision))
    tagged = clients.shift(created.name, to(revision, 100, "t"))
    uris = [tagged.uri, tagged.traffic_statuses[0].uri]
    disabled = run_v2.Service(name=created.name, default_uri_disabled=True)
    after = clients.update(disabled, ["default_uri_disabled"])
    assert (after.uri, list(after.urls), after.traffic_statuses[0].uri) == ("", [], "")
    assert [httpx.get(url).status_code for url in uris] == [404, 404]
