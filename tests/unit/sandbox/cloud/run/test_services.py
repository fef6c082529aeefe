"""The Cloud Run state machine, without processes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud import run_v2
from google.protobuf.field_mask_pb2 import FieldMask

from sandbox.cloud.api_errors import (
    AbortedError,
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
)
from sandbox.cloud.run import limits, services
from sandbox.cloud.run.conditions import Failure, State
from sandbox.cloud.run.services import ServiceStore
from sandbox.cloud.run.validation import REVISION

PARENT = "projects/p/locations/l"
NAME = f"{PARENT}/services/svc"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def store() -> ServiceStore:
    return ServiceStore(clock=lambda: NOW, suffix=lambda: "abc")


def template(image: str = "i:1", **fields: Any) -> run_v2.RevisionTemplate:
    return run_v2.RevisionTemplate(containers=[run_v2.Container(image=image)], **fields)


def update(store: ServiceStore, *paths: str, **fields: Any) -> Any:
    service = run_v2.Service(name=NAME, **fields)
    return store.update(service, FieldMask(paths=paths), allow_missing=False, validate_only=False)


def created(store: ServiceStore, **fields: Any) -> Any:
    service = run_v2.Service({"template": template()} | fields)
    return store.create(PARENT, "svc", service)


def test_create_fills_in_the_fields_of_the_platform(store: ServiceStore) -> None:
    accepted = created(store)
    assert accepted.revision == f"{NAME}/revisions/svc-00001-abc"
    service = accepted.service
    assert service.latest_created_revision == accepted.revision
    assert (service.generation, service.reconciling, service.latest_ready_revision) == (1, True, "")
    assert [t.percent for t in service.traffic] == [100]
    assert service.template.timeout.total_seconds() == 300
    assert service.etag.startswith('"')
    assert store.revision(accepted.revision).reconciling


def test_answers_are_copies(store: ServiceStore) -> None:
    created(store).service.labels["a"] = "b"
    store.service(NAME).labels["a"] = "b"
    assert not store.service(NAME).labels


def test_every_write_changes_the_etag_and_only_writes_do(store: ServiceStore) -> None:
    first = created(store).service.etag
    store.revision_settled(f"{NAME}/revisions/svc-00001-abc", None)
    store.settled(NAME, None)
    assert store.service(NAME).etag == first
    second = update(store, "labels", labels={"a": "b"}).service.etag
    assert second != first
    with pytest.raises(AbortedError):
        update(store, "labels", labels={"a": "c"}, etag=first)
    assert update(store, "labels", labels={"a": "c"}, etag=second).service.labels == {"a": "c"}


def test_only_a_changed_configuration_makes_a_revision(store: ServiceStore) -> None:
    created(store)
    assert update(store, "template", template=template()).revision is None
    assert update(store, "labels", labels={"a": "b"}).revision is None
    assert update(store, "template", template=template("i:2")).revision == f"{NAME}/revisions/svc-00002-abc"
    named = update(store, "template", template=template("i:2", revision="svc-x"))
    assert named.revision == f"{NAME}/revisions/svc-x"
    assert update(store, "template", template=template("i:2", revision="svc-x")).revision is None
    with pytest.raises(AlreadyExistsError, match="with different configuration"):
        update(store, "template", template=template("i:3", revision="svc-x"))


def test_an_annotation_of_the_service_makes_no_revision_and_can_be_removed(store: ServiceStore) -> None:
    before = created(store).service
    accepted = update(store, "annotations", annotations={"note": "mine"})
    assert accepted.revision is None
    assert dict(accepted.service.annotations) == {"note": "mine"}
    assert (accepted.service.traffic, accepted.service.template) == (before.traffic, before.template)
    assert accepted.service.etag != before.etag
    assert not update(store, "annotations").service.annotations
    with pytest.raises(InvalidArgumentError, match=r"run\.googleapis\.com/ingress"):
        update(store, "annotations", annotations={"run.googleapis.com/ingress": "all"})


def test_refused_request_changes_nothing(store: ServiceStore) -> None:
    created(store)
    before = json.dumps(store.dump())
    with pytest.raises(InvalidArgumentError):
        update(store, "template", template=template(""))
    with pytest.raises(InvalidArgumentError):
        update(store, "labels.a.b", labels={})
    with pytest.raises(NotFoundError):
        store.delete(f"{NAME}x", "")
    assert json.dumps(store.dump()) == before


def test_ready_and_failed_revisions(store: ServiceStore) -> None:
    first = created(store).revision
    store.revision_settled(first, None)
    store.settled(NAME, None)
    assert store.service(NAME).terminal_condition.state == State.CONDITION_SUCCEEDED

    second = update(store, "template", template=template("i:2")).revision
    failure = Failure(9, "it fell over")
    store.revision_settled(second, failure)
    store.settled(NAME, failure)
    service = store.service(NAME)
    assert (service.latest_ready_revision, service.latest_created_revision) == (first, second)
    assert service.terminal_condition.state == State.CONDITION_FAILED
    assert service.terminal_condition.message == "it fell over"
    assert {c.type_: c.state for c in store.revision(second).conditions}["Ready"] == State.CONDITION_FAILED


def test_older_revision_that_becomes_ready_later_is_not_the_latest(store: ServiceStore) -> None:
    first = created(store).revision
    second = update(store, "template", template=template("i:2")).revision
    store.revision_settled(second, None)
    store.revision_settled(first, None)
    assert store.service(NAME).latest_ready_revision == second


def test_reconciling_until_the_last_change_is_done(store: ServiceStore) -> None:
    created(store)
    update(store, "labels", labels={"a": "b"})
    store.settled(NAME, None)
    service = store.service(NAME)
    assert service.reconciling
    assert service.terminal_condition.state == State.CONDITION_RECONCILING
    store.settled(NAME, None)
    assert not store.service(NAME).reconciling


def test_service_being_deleted_takes_no_update(store: ServiceStore) -> None:
    created(store)
    store.delete(NAME, "")
    with pytest.raises(FailedPreconditionError):
        update(store, "labels", labels={})
    store.remove(NAME)
    assert store.services() == []
    assert store.revisions(NAME) == []


def test_dump_and_load(store: ServiceStore) -> None:
    created(store, labels={"a": "b"})
    other = ServiceStore(clock=lambda: NOW)
    other.load(json.loads(json.dumps(store.dump())))
    assert other.service(NAME) == store.service(NAME)
    assert other.revisions(NAME) == store.revisions(NAME)
    # numbers of revisions go on where they were
    assert update(other, "template", template=template("i:2")).revision.startswith(
        f"{NAME}/revisions/svc-00002"
    )


def test_services_of_a_parent(store: ServiceStore) -> None:
    created(store)
    store.create("projects/q/locations/l", "svc", run_v2.Service(template=template()))
    assert [s.name for s in store.services(PARENT)] == [NAME]
    assert [s.name for s in store.services("projects/p/locations/-")] == [NAME]
    assert len(store.services()) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [("other-x", "prefixed"), ("svc-X", "lowercase"), ("svc-" + "x" * 60, "63")],
)
def test_revision_names(store: ServiceStore, name: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        created(store, template=template(revision=name))


def test_reserved_environment(store: ServiceStore) -> None:
    wrong = template()
    wrong.containers[0].env = [run_v2.EnvVar(name="PORT", value="1")]
    with pytest.raises(InvalidArgumentError, match="reserved env names were provided: PORT"):
        created(store, template=wrong)


def test_over_the_limit_the_oldest_revisions_that_do_not_serve_go(
    store: ServiceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert limits.MAX_REVISIONS == 1000
    monkeypatch.setattr(services, "MAX_REVISIONS", 5)
    created(store, template=template(revision="svc-0"))
    update(store, "traffic", traffic=[run_v2.TrafficTarget(type_=REVISION, revision="svc-0", percent=100)])
    for number in range(1, 8):
        update(store, "template", template=template(f"i:{number}", revision=f"svc-{number}"))
    kept = sorted(revision.name.rpartition("-")[2] for revision in store.revisions(NAME))
    assert kept == ["0", "4", "5", "6", "7"]


def test_over_the_limit_tags_without_traffic_go(store: ServiceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits.MAX_TAGS == 2000
    monkeypatch.setattr(services, "MAX_TAGS", 2)
    created(store, template=template(revision="svc-0"))
    targets = [
        run_v2.TrafficTarget(type_=REVISION, revision="svc-0", percent=percent, tag=tag)
        for percent, tag in ((100, "serves"), (0, "a"), (0, "b"), (0, "c"))
    ]
    accepted = update(store, "traffic", traffic=targets)
    assert [target.tag for target in accepted.service.traffic] == ["serves", "c"]
