"""The whole surface of the official clients that the project uses is run against the stand-in.

The suite is the tests marked ``conformance(<methods>)`` in this folder (``pytest -m conformance``); each
of them fails when one of its methods was not called with success.
"""

from __future__ import annotations

import pytest

from tests.integration.sandbox.cloud import conformance

pytestmark = pytest.mark.conformance


def test_every_method_that_the_hooks_call_is_covered(capsys: pytest.CaptureFixture[str]) -> None:
    used, covered = conformance.used(), conformance.covered()
    with capsys.disabled():
        print()
        for method in sorted(used):
            print(f"  {method:55} {', '.join(covered.get(method, ['not covered']))}")
    assert not used - covered.keys()


def test_the_calls_are_found_in_the_source() -> None:
    assert {
        "ServicesClient.update_service",
        "RevisionsClient.list_revisions",
        "SecretManagerServiceClient.add_secret_version",
        "backupRuns.insert",
        "operations.get",
        conformance.WAITING,
    } <= conformance.used()


def test_a_method_that_is_not_called_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert conformance.record(monkeypatch, iter(["ServicesClient.get_service"])) == set()
