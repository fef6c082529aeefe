"""What the cloud writes at every change is read again as it was, and costs next to nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud import run_v2
from google.longrunning import operations_pb2
from google.protobuf import json_format

from sandbox.cloud.operations import OperationStore
from sandbox.cloud.stored_message import from_text, to_text


def service(name: str = "projects/p/locations/l/services/web") -> Any:
    variables = [{"name": f"VARIABLE_{number}", "value": "x" * 20} for number in range(20)]
    container = {"image": "registry/netra/backend:1.0.0", "env": variables}
    return run_v2.Service(name=name, labels={"b": "2", "a": "1"}, template={"containers": [container]})


def operation() -> operations_pb2.Operation:
    made = operations_pb2.Operation(name="projects/p/locations/l/operations/o", done=True)
    made.response.Pack(run_v2.Service.pb(service()))
    return made


@pytest.mark.parametrize(
    ("written", "empty"), [(service(), run_v2.Service), (operation(), operations_pb2.Operation)]
)
def test_a_message_is_read_as_it_was_written(written: Any, empty: Callable[[], Any]) -> None:
    assert from_text(to_text(written), empty()) == written
    assert to_text(from_text(to_text(written), empty())) == to_text(written)


def test_a_restarted_cloud_has_its_operations() -> None:
    store, again = OperationStore(), OperationStore()
    ended, running = (store.begin("projects/p/locations/l", service()).name for _ in range(2))
    store.end(ended, service(), None)
    again.load(store.dump())
    assert [again.get(name) for name in (ended, running)] == [store.get(name) for name in (ended, running)]
    assert again.unfinished(service().name) == [running]


def test_all_that_is_kept_is_written_in_a_tenth_of_the_time_of_json() -> None:
    store = OperationStore()
    kept = [store.get(store.done("projects/p/locations/l", service()).name) for _ in range(200)]
    assert 10 * least_seconds(store.dump) < least_seconds(lambda: [*map(json_format.MessageToDict, kept)])


def least_seconds(work: Callable[[], object]) -> float:
    """Return the processor time of the quickest of some rounds: the others met a garbage collection."""
    times = []
    for _ in range(7):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)
