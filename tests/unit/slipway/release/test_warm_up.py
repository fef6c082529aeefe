"""Whether a new revision is fit for traffic, without a cloud."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.analysis.verdict import Verdict
from slipway.hooks.command.suites import SuiteResult
from slipway.ledger.plan import PlannedService
from slipway.policy.release import load_policy
from slipway.release import warm_up
from slipway.release.warm_up import check_revision, missing_instances

POLICY = load_policy("release.yaml")
REQUIRED = POLICY.services["backend"].min_instances
BACKEND = PlannedService(
    image="host.example/backend:1.1.0",
    progressive=True,
    names=POLICY.services["backend"].names,
    revisions={"staging": "netra-backend-staging-v1-1-0", "production": "netra-backend-prod-v1-1-0"},
)
RELEASE: Any = SimpleNamespace(policy=POLICY, plan=SimpleNamespace(services={"backend": BACKEND}))


class FakeCloudRun:
    """Cloud Run that reports so many ready instances; None for none reported."""

    def __init__(self, ready: int | None) -> None:
        self.ready = ready

    def get_revision(self, address: Any, revision: str) -> run_v2.Revision:
        if self.ready is None:
            return run_v2.Revision()
        return run_v2.Revision(
            scaling_status=run_v2.RevisionScalingStatus(desired_min_instance_count=self.ready)
        )


class FakeRunner:
    """A test runner whose smoke tests end as was said beforehand."""

    def __init__(self, *failed: str) -> None:
        self.failed, self.ran = failed, list[str]()

    def run(self, directory: Any, *, file: str, environment: Any = None, **_: Any) -> SuiteResult:
        self.ran.append(file)
        self.environment = environment
        return SuiteResult(3, 3 - len(self.failed), self.failed)


def check(ready: int | None, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Check the backend's new revision."""
    monkeypatch.setattr(warm_up, "_environment", lambda *_: {})
    rules, hook, runs = POLICY.warm_up, FakeCloudRun(ready), runner
    assert rules is not None
    arguments: dict[str, Any] = {"hook": hook, "runner": runs}
    return check_revision(RELEASE, "canary", rules, "backend", BACKEND, **arguments)


@pytest.mark.parametrize(("ready", "missing"), [(REQUIRED - 1, 1), (REQUIRED, 0), (None, 0)])
def test_what_is_awaited_is_what_is_missing(ready: int | None, missing: int) -> None:
    hook: Any = FakeCloudRun(ready)
    found = missing_instances(RELEASE, hook, {"backend": BACKEND})
    assert len(found) == missing
    for awaited in found:
        assert (awaited["service"], awaited["instances"]) == ("netra-backend-prod", REQUIRED)
        assert awaited["revision"] == "netra-backend-prod-v1-1-0"


def test_a_missing_instance_is_a_rollback_and_no_smoke_test_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = FakeRunner()
    found = check(REQUIRED - 1, runner, monkeypatch)
    assert found.verdict is Verdict.ROLLBACK
    assert found.reason == f"minimum instances missing: backend has {REQUIRED - 1} of {REQUIRED}"
    assert runner.ran == []


@pytest.mark.parametrize("ready", [REQUIRED, None])
def test_smoke_tests_decide_once_the_instances_are_there(
    ready: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = FakeRunner()
    found = check(ready, runner, monkeypatch)
    assert (found.verdict, found.reason) == (Verdict.PROMOTE, "3 smoke tests passed")
    assert (found.instances, runner.ran) == (ready, ["test_backend.py"])


def test_a_smoke_test_that_fails_is_a_rollback_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(REQUIRED, FakeRunner("test_backend.test_chat"), monkeypatch)
    assert (found.verdict, found.passed) == (Verdict.ROLLBACK, 2)
    assert found.reason == "smoke tests failed: test_backend.test_chat"


def test_a_token_for_a_service_without_its_default_url_is_for_the_url_of_the_policy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from slipway.hooks.google.identity_token import IdentityToken

    class Cloud(FakeCloudRun):
        gcp_conn_id = "google_cloud_default"

        def get_service(self, address: Any) -> run_v2.Service:
            status = run_v2.TrafficTargetStatus(tag="candidate", uri="https://candidate.example.com")
            return run_v2.Service(name=address.service, traffic_statuses=[status])

    monkeypatch.setattr(IdentityToken, "for_service", lambda _, url: f"token for {url}")
    closed = {"requires_identity": True, "url": "https://auth.example.com"}
    auth = POLICY.services["auth"].model_copy(update=closed)
    policy = POLICY.model_copy(update={"services": {**POLICY.services, "auth": auth}})
    release: Any = SimpleNamespace(policy=policy, plan=RELEASE.plan)
    runner: Any = FakeRunner()
    hook: Any = Cloud(REQUIRED)
    rules = POLICY.warm_up
    assert rules is not None
    check_revision(release, "canary", rules, "backend", BACKEND, hook=hook, runner=runner)
    assert runner.environment["AUTH_IDENTITY_TOKEN"] == "token for https://auth.example.com"
    assert "BACKEND_IDENTITY_TOKEN" not in runner.environment
