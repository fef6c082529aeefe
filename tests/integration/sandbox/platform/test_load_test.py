"""The staging load test, as the release runs it: Locust in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from slipway.analysis.load_report import LoadReport
from slipway.analysis.load_test import judge_load
from slipway.analysis.verdict import Finding, Verdict
from slipway.hooks.command.load import LoadGeneratorHook
from slipway.policy.release import load_policy

from sandbox.cloud.storage.api import Storage
from sandbox.cloud.storage.buckets import Bucket, BucketStore
from sandbox.supervisor.settings import REPOSITORY
from tests.integration.sandbox.cloud.served import served
from tests.integration.sandbox.platform.services import PRICING, SIGNING_KEY, Service, start

pytestmark = pytest.mark.sandbox
#: A busy machine gets a longer run, until its report holds what the test judges.
RUN_SECONDS = (4, 12, 36)
RATE = 40
ENOUGH_REQUESTS = 3 * RATE

Enough = Callable[[dict[str, Any]], bool]
Ran = tuple["subprocess.CompletedProcess[str]", dict[str, Any]]
LoadTest = Callable[..., Ran]


def _enough_requests(report: dict[str, Any]) -> bool:
    sockets = report["websocket"]
    counted = (
        report["isolation"]["checked"] > ENOUGH_REQUESTS,
        sockets["connects"] > 3,
        sockets["events"] > 12,
    )
    return bool(report["requests"] >= ENOUGH_REQUESTS and all(counted))


def _every_fault_struck(report: dict[str, Any]) -> bool:
    """Chance decides which request meets a fault: a short run on a slow machine may miss one."""
    sockets = report["websocket"]
    struck = (
        report["failures"],
        sockets["connect_failures"],
        sockets["lost"],
        report["isolation"]["breaches"],
    )
    return report["requests"] >= ENOUGH_REQUESTS and all(struck)


def _a_sign_in_failed(report: dict[str, Any]) -> bool:
    return bool(report["endpoints"].get("/v1/token", {}).get("failures"))


def _whatever(report: dict[str, Any]) -> bool:
    return bool(report)


@pytest.fixture
def load_test(tmp_path: Path, auth: Service, frontend: Service) -> LoadTest:
    """Run the load test until its report holds enough to judge; return the process and its report."""

    def run(backend_url: str, users: int = 20, enough: Enough = _enough_requests, **changes: str) -> Ran:
        for seconds in RUN_SECONDS:
            done, report = run_for(seconds, backend_url, users, changes)
            if enough(report):
                break
        return done, report

    def run_for(seconds: int, backend_url: str, users: int, changes: dict[str, str]) -> Ran:
        report = tmp_path / "report.json"
        environment = {
            "PATH": os.environ["PATH"],
            "BACKEND_URL": backend_url,
            "AUTH_URL": auth.url,
            "FRONTEND_URL": frontend.url,
            "LOAD_TEST_REPORT": str(report),
            "LOAD_TEST_RATE": str(RATE),
            "PRICING": json.dumps(PRICING),
            **changes,
        }
        done = subprocess.run(
            [
                *(sys.executable, "-m", "locust", "--headless", "-f", "include/load_test/locustfile.py"),
                *("--users", str(users), "--spawn-rate", "20", "--run-time", f"{seconds}s"),
            ],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=seconds + 116,
            check=False,
        )
        assert report.exists(), done.stderr
        return done, json.loads(report.read_text())

    return run


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], dict[str, Finding]]:
    """Judge a report by the sandbox's limits, with its own users and time; findings that do not promote."""
    monkeypatch.setenv("SLIPWAY_REGISTRY_PORT", "1")
    limits = load_policy("sandbox.yaml").load_test

    def judge(report: dict[str, Any]) -> dict[str, Finding]:
        evidence = limits.evidence.model_copy(update={"minimum_requests_percent": 0})
        own = limits.model_copy(
            update={"users": report["users"], "duration_seconds": RUN_SECONDS[0], "evidence": evidence}
        )
        found = judge_load(LoadReport.model_validate(report), own)
        return {finding.metric: finding for finding in found if finding.verdict is not Verdict.PROMOTE}

    return judge


def test_the_good_version_stands_the_load(load_test: LoadTest, backend: Service) -> None:
    done, report = load_test(backend.url)
    assert done.returncode == 0, done.stderr
    assert report["users"] == report["generator"]["peak_users"] == 20
    assert 0 < report["duration_seconds"] < RUN_SECONDS[-1] + 60
    assert report["requests"] >= ENOUGH_REQUESTS
    assert (report["failures"], report["failure_rate"], report["failure_reasons"]) == (0, 0.0, {})
    assert 0 < report["latency_p50_ms"] <= report["latency_p95_ms"]
    assert 15 < report["cost_reduction_percent"] < 25
    assert 15 < report["token_reduction_percent"] < 25
    assert report["cost_accuracy_percent"] == 100
    assert report["cost_tracking"]["checked"] > 0
    assert report["cost_tracking"]["wrong"] == 0
    assert report["isolation"]["checked"] > ENOUGH_REQUESTS
    assert report["isolation"]["breaches"] == 0
    sockets = report["websocket"]
    assert sockets["connects"] > 3
    assert sockets["events"] > 12
    faults = ("connect_failures", "lost", "doubled", "out_of_order", "foreign", "wrong", "broken")
    assert [sockets[fault] for fault in faults] == [0] * len(faults)
    assert 0 <= sockets["latency_p95_ms"] < 1000 * report["duration_seconds"]
    assert report["generator"]["cpu_percent"] > 0
    (instance,) = report["memory"]["instances"]
    assert len(instance["at_seconds"]) == len(instance["resident_bytes"]) > 10


def test_a_fault_shows_in_the_report(
    load_test: LoadTest,
    start_backend: Callable[..., Service],
    judged: Callable[[dict[str, Any]], dict[str, Finding]],
) -> None:
    service = start_backend(
        FAULT_ERROR_RATE="0.3",
        FAULT_COST_FACTOR="1.07",
        FAULT_EVENT_DELAY_SECONDS="0.15",
        FAULT_EVENT_LOSS_RATE="0.2",
        FAULT_SOCKET_REFUSAL_RATE="0.3",
        FAULT_SESSION_LEAK_RATE="0.2",
    )
    # Of these users four keep connecting.
    done, report = load_test(service.url, users=40, enough=_every_fault_struck)
    assert done.returncode == 1
    assert report["failure_rate"] > 0.1
    assert report["cost_accuracy_percent"] == 0
    assert report["websocket"]["connect_failures"] > 0
    assert report["websocket"]["lost"] > 0
    assert report["websocket"]["latency_p95_ms"] >= 150
    assert report["isolation"]["breaches"] > 0
    found = judged(report)
    assert {
        "load test failures",
        "/v1/optimize",
        "cost accuracy",
        "session isolation",
        "events",
    } <= found.keys()


def test_a_sign_in_without_a_token_is_a_failed_request(
    load_test: LoadTest, backend: Service, tmp_path: Path
) -> None:
    environment = {"AUTH_SIGNING_KEY": SIGNING_KEY, "FAULT_TOKEN_LOSS_RATE": "0.5"}
    forgetful = start("auth", environment, tmp_path / "auth.log")
    try:
        done, report = load_test(backend.url, enough=_a_sign_in_failed, AUTH_URL=forgetful.url)
    finally:
        forgetful.stop()
    assert done.returncode == 1
    assert report["endpoints"]["/v1/token"]["failures"] > 0
    assert report["failures"] >= report["endpoints"]["/v1/token"]["failures"]
    assert "/v1/token: the answer holds no token" in report["failure_reasons"]


def test_no_answers_are_visible_as_such(load_test: LoadTest) -> None:
    done, report = load_test("http://127.0.0.1:1", enough=_whatever, AUTH_URL="http://127.0.0.1:1")
    assert done.returncode == 1
    assert report["failure_rate"] in {None, 1.0}
    assert report["failures"] == report["requests"]
    assert report["cost_reduction_percent"] is None
    assert report["cost_accuracy_percent"] is None
    assert report["memory"]["instances"] == []
    assert report["websocket"]["events"] == 0


def test_tasks_of_a_job_that_share_the_load_are_one_load_test(
    tmp_path: Path, backend: Service, auth: Service, frontend: Service
) -> None:
    store = BucketStore(tmp_path / "storage", {"results": Bucket()})
    with served(Storage(store).routes()) as storage:
        for seconds in RUN_SECONDS:
            environment = {
                "PATH": os.environ["PATH"],
                "BACKEND_URL": backend.url,
                "AUTH_URL": auth.url,
                "FRONTEND_URL": frontend.url,
                "PRICING": json.dumps(PRICING),
                "STORAGE_EMULATOR_HOST": storage,
                "RESULTS": f"gs://results/{seconds}",
                "LOAD_TEST": "load_test/locustfile.py",
                "LOAD_TEST_USERS": "9",
                "LOAD_TEST_RATE": str(RATE),
                "LOAD_TEST_SECONDS": str(seconds),
                "CLOUD_RUN_TASK_COUNT": "2",
            }
            tasks = [
                subprocess.Popen(
                    [sys.executable, "-m", "include.job"],
                    cwd=REPOSITORY,
                    env={**environment, "CLOUD_RUN_TASK_INDEX": str(number)},
                )
                for number in range(2)
            ]
            assert [task.wait(seconds + 116) for task in tasks] == [0, 0]
            found = [store.find("results", f"{seconds}/{number}/share.json") for number in range(2)]
            shares = {
                number: store.read("results", share)
                for number, share in enumerate(found)
                if share is not None
            }
            report = LoadGeneratorHook().merge(
                REPOSITORY / "include/load_test/locustfile.py",
                shares,
                users=9,
                duration_seconds=seconds,
                generators=2,
            )
            if report["generator"]["full_load_seconds"]:
                break
    assert [json.loads(share)["users"] for share in shares.values()] == [4, 5]
    seen = LoadReport.model_validate(report)
    assert seen.generator is not None
    assert (seen.generator.peak_users, seen.generator.lost) == (9, ())
    measured = [json.loads(share)["measurements"]["endpoints"].values() for share in shares.values()]
    assert seen.requests == sum(endpoint["requests"] for of in measured for endpoint in of) > 0
    assert seen.latency_p95_ms is not None
    assert {instance.started_at for instance in seen.memory.instances}
