"""What the good version does, down to the rows it writes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from include.load_test.answers import input_prices, is_cost_accurate
from include.load_test.prompts import corpus
from tests.integration.sandbox.platform.services import (
    PRICING,
    Service,
    User,
    backend_environment,
    launch,
    start,
)
from tests.waiting import BOUND_SECONDS, until

pytestmark = pytest.mark.sandbox
PRICES = input_prices(json.dumps(PRICING))
NewUser = Callable[[Service], User]


def _rows(database: str, user: User, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + BOUND_SECONDS
    with psycopg.connect(database, autocommit=True, row_factory=dict_row) as connection:
        while True:
            rows = connection.execute(
                "SELECT * FROM token_usage_tracking WHERE user_id = %s ORDER BY created_at", [user.user_id]
            ).fetchall()
            if len(rows) >= count or time.monotonic() > deadline:
                return rows
            time.sleep(0.1)


def test_every_request_becomes_one_exact_row(backend: Service, database: str, new_user: NewUser) -> None:
    user = new_user(backend)
    prompts = corpus(8)
    answers = [user.optimize(prompt).raise_for_status().json() for prompt in prompts]
    rows = _rows(database, user, len(prompts))
    assert len(rows) == len(prompts)
    for prompt, answer, row in zip(prompts, answers, rows, strict=True):
        assert str(row["id"]) == answer["request_id"]
        assert (row["session_key"], row["agent_name"]) == (f"of-{user.user_id}", prompt.agent_name)
        assert (row["model"], row["revision"]) == (prompt.model, "revision-under-test")
        assert (row["tokens_original"], row["tokens_used"]) == (
            answer["tokens_original"],
            answer["tokens_used"],
        )
        assert row["cost_usd"] == Decimal(answer["cost_usd"])
        assert row["cost_original_usd"] == Decimal(answer["cost_original_usd"])
        assert row["optimization_applied"] is row["optimization_succeeded"] is answer["optimization_applied"]
        assert is_cost_accurate(answer, prompt.model, PRICES)
    with psycopg.connect(database) as connection:
        found = connection.execute("SELECT now() AT TIME ZONE 'utc'").fetchone()
    assert found is not None
    assert 0 <= (found[0] - rows[-1]["created_at"]).total_seconds() < 30


def test_a_synthetic_request_is_answered_and_leaves_nothing_behind(
    backend: Service, database: str, new_user: NewUser
) -> None:
    user, (prompt,) = new_user(backend), corpus(1)
    user.optimize(prompt).raise_for_status()
    assert len(_rows(database, user, 1)) == 1

    def counted() -> list[float]:
        attempts = backend.metric("token_optimization_attempts_total", outcome="success")
        costs = ("cost_original_usd_total", "cost_usd_total")
        return [attempts, *(backend.metric(f"token_optimization_{name}") for name in costs)]

    before = counted()
    with httpx.Client(headers={"x-synthetic-request": "true"}, trust_env=False) as client:
        nobody = User(backend, client, user.user_id)
        answers = [nobody.optimize(prompt).raise_for_status().json() for _ in range(3)]
    assert counted() == before
    assert {answer["cost_usd"] for answer in answers} == {user.costs()["cost_usd"]}
    # Rows are written in their order: with the row of a later request all before it would be there.
    user.optimize(prompt).raise_for_status()
    assert len(_rows(database, user, 2)) == 2
    assert user.costs()["requests"] == 2


def test_totals_are_those_of_all_instances(
    backend: Service, start_backend: Callable[..., Service], new_user: NewUser
) -> None:
    # Its fault is on WebSockets alone; another good one would only take longer to start.
    other = start_backend(FAULT_EVENT_DELAY_SECONDS="0.25")
    user = new_user(backend)
    elsewhere = User(other, user.client, user.user_id)
    answers = [who.optimize(prompt).json() for prompt in corpus(3) for who in (user, elsewhere)]
    total = sum(Decimal(answer["cost_usd"]) for answer in answers)
    until(lambda: user.costs()["requests"] >= len(answers), "the costs of all answers")
    for side in (user, elsewhere):
        costs = side.costs()
        assert (costs["requests"], Decimal(costs["cost_usd"])) == (len(answers), total)


def test_alerts_rise_with_the_spend_and_the_budget_ends_it(backend: Service, new_user: NewUser) -> None:
    user = new_user(backend)
    headers = {"Authorization": f"Bearer {user.token}"}
    url = f"{backend.url}/v1/budget"
    before = {level: backend.metric("budget_alerts_total", level=level) for level in ("low", "exceeded")}
    user.client.put(url, json={"limit_usd": "0.05"}, headers=headers).raise_for_status()
    seen: list[str | None] = []
    for prompt in corpus(30):
        answer = user.optimize(prompt, model="gpt-4")
        level = answer.json()["budget"]["alert"]
        if level not in seen:
            seen.append(level)
        if answer.status_code == 402:
            break
    assert seen == [None, "low", "medium", "high", "exceeded"]
    assert answer.status_code == 402
    for level, count in before.items():
        assert backend.metric("budget_alerts_total", level=level) == count + 1
    user.client.put(url, json={"limit_usd": "50.00"}, headers=headers).raise_for_status()
    assert user.optimize(corpus(1)[0]).status_code == 200


@pytest.mark.parametrize("limit", ["0", "-1", "0.001", "much", None])
def test_a_budget_that_is_none_is_refused(backend: Service, new_user: NewUser, limit: str | None) -> None:
    user = new_user(backend)
    headers = {"Authorization": f"Bearer {user.token}"}
    answer = user.client.put(f"{backend.url}/v1/budget", json={"limit_usd": limit}, headers=headers)
    assert answer.status_code == 422


def test_version_1_0_0_prices_but_neither_optimizes_nor_writes(
    database_before: str, tmp_path: Path, new_user: NewUser
) -> None:
    environment = backend_environment(database_before, TOKEN_OPTIMIZATION_ENABLED="false")
    service = start("backend", environment, tmp_path / "log")
    try:
        user = new_user(service)
        answers = [user.optimize(prompt).raise_for_status().json() for prompt in corpus(3)]
        assert not any(answer["optimization_applied"] for answer in answers)
        assert all(answer["cost_usd"] == answer["cost_original_usd"] for answer in answers)
        assert Decimal(user.costs()["cost_usd"]) == sum(Decimal(answer["cost_usd"]) for answer in answers)
        for outcome in ("success", "failure"):
            assert service.metric("token_optimization_attempts_total", outcome=outcome) == 0
            assert service.metric("websocket_connections_total", outcome=outcome) == 0
        assert service.metric("cost_calculation_checks_total", result="accurate") == 6
        assert service.metric("token_usage_rows_total", outcome="written") == 0
        assert service.metric("token_usage_write_failures_total") == 0
    finally:
        service.stop()
    assert "Traceback" not in service.log.read_text()


def test_the_feature_flag_ends_optimizing_and_usage_goes_on(
    start_backend: Callable[..., Service], database: str, new_user: NewUser
) -> None:
    service = start_backend(FEATURE_FLAGS='{"token_optimization": false}')
    user = new_user(service)
    assert user.optimize(corpus(1)[0]).json()["optimization_applied"] is False
    (row,) = _rows(database, user, 1)
    assert (row["optimization_applied"], row["optimization_succeeded"]) == (False, None)


def test_requests_are_served_while_the_database_is_away_and_written_when_it_is_back(
    database: str, tmp_path: Path, new_user: NewUser
) -> None:
    service = start("backend", backend_environment(database), tmp_path / "log")
    name = database.rpartition("/")[2]
    admin = database.replace(f"/{name}", "/postgres")
    try:
        user = new_user(service)
        user.optimize(corpus(1)[0]).raise_for_status()
        _rows(database, user, 1)
        with psycopg.connect(admin, autocommit=True) as connection:
            try:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
                )
                answers = [user.optimize(prompt) for prompt in corpus(5)]
                assert [answer.status_code for answer in answers] == [200] * 5
                until(lambda: service.metric("token_usage_write_failures_total") > 0, "a write that fails")
                assert service.metric("token_usage_rows_total", outcome="written") == 1
            finally:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert len(_rows(database, user, 6)) == 6
    finally:
        service.stop()


def test_a_refused_row_is_counted_and_the_user_does_not_notice(
    database_before: str, tmp_path: Path, new_user: NewUser
) -> None:
    service = start("backend", backend_environment(database_before), tmp_path / "log")
    try:
        answer = new_user(service).optimize(corpus(1)[0])
        assert answer.status_code == 200
        until(lambda: service.metric("token_usage_rows_total", outcome="refused"), "a row that is refused")
        assert service.metric("token_usage_rows_total", outcome="refused") == 1
    finally:
        service.stop()
    assert "SQLSTATE 42P01" in service.log.read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/gone"}, "127.0.0.1:1/gone was not reachable"),
        ({"DATABASE_URL": "postgres at hunter2"}, "DATABASE_URL is not a PostgreSQL URL"),
        ({"PRICING_CONFIG": ""}, "LLM_PRICING_GPT4_INPUT is missing"),
        ({"FAULT_ERROR_RATE": "2"}, "FAULT_ERROR_RATE=2"),
        ({"FAULT_CRASH_ON_START": "true"}, "FAULT_CRASH_ON_START"),
    ],
)
def test_a_service_that_cannot_start_exits_with_1_and_the_reason(
    database: str, tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    environment = backend_environment(database, DATABASE_CONNECT_SECONDS="0.5")
    service = launch("backend", {**environment, **changes}, tmp_path / "log")
    try:
        assert service.wait() == 1
    finally:
        service.stop()
    log = service.log.read_text()
    assert message in log
    assert "hunter2" not in log
    assert "Traceback" not in log


def test_every_answer_names_the_revision(
    backend: Service, auth: Service, frontend: Service, client: httpx.Client
) -> None:
    for service, name in ((backend, "revision"), (auth, "auth"), (frontend, "frontend")):
        for path in ("/health", "/metrics", "/nowhere", "/v1/costs"):
            answer = client.get(service.url + path)
            assert answer.headers["x-slipway-revision"] == f"{name}-under-test", path


def test_the_dashboard_says_whose_failure_it_passes_on(
    client: httpx.Client, tmp_path: Path, start_backend: Callable[..., Service]
) -> None:
    failing = start_backend(FAULT_ERROR_RATE="1")
    service = start("frontend", {"BACKEND_URL": failing.url}, tmp_path / "log")
    try:
        answer = client.get(f"{service.url}/dashboard", headers={"Authorization": "Bearer x"})
        assert answer.status_code == 502
        assert answer.headers["x-slipway-caused-by"] == "revision-under-test"
    finally:
        service.stop()


def test_the_dashboard_says_when_the_backend_is_gone(
    auth: Service, client: httpx.Client, tmp_path: Path
) -> None:
    service = start("frontend", {"BACKEND_URL": "http://127.0.0.1:1"}, tmp_path / "log")
    try:
        answer = client.get(f"{service.url}/dashboard", headers={"Authorization": "Bearer x"})
        assert answer.status_code == 502
        assert "backend did not answer" in answer.json()["error"]
    finally:
        service.stop()
