"""Every task of the rollup is killed at its calls of ClickHouse and run again: no number shows it."""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import psycopg
import pytest
from slipway.ledger.ledger import Ledger

from sandbox.history.loading import load
from sandbox.history.truth import Truth
from sandbox.supervisor.settings import HOST, Settings
from tests import forks
from tests.integration.slipway.hooks.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.integration.slipway.kpi.known_past import complete, differences, make_known_past, shape, watched
from tests.integration.slipway.kpi.rollup import Rollup, load_dag
from tests.integration.slipway.kpi.task_process import TaskProcess

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(400)]
DAYS, USERS = 10, 40
# It asks PostgreSQL, not ClickHouse: killed while it looks at the source.
OF_THE_SOURCE, SECONDS_INTO_IT = "source.quality", 0.3
# About every so manieth call is one to be killed at, chosen by a fixed seed.
SAMPLED = {"migrate": 20, "publish": 4, "others": 24}
EVERY = {"others": 1}
CONNECTIONS = ("SLIPWAY_CLICKHOUSE", "NETRA_PRODUCTION_DB", "SLIPWAY_LEDGER")


@pytest.fixture
def proxy(postgres_server: Settings, rollup: Rollup) -> Iterator[FaultProxy]:
    """A proxy between the tasks and ClickHouse, and a process to fork tasks from."""
    forks.begin()
    with fault_proxy(f"http://{HOST}:{postgres_server.clickhouse_port}") as made:
        yield made


def environment(proxy: FaultProxy) -> Mapping[str, str]:
    """Return the tasks' connections: ClickHouse through the proxy."""
    names = [f"AIRFLOW_CONN_{name}" for name in CONNECTIONS] + ["SLIPWAY_DATA_DOCS"]
    found = {name: os.environ[name] for name in names}
    clickhouse = json.loads(found["AIRFLOW_CONN_SLIPWAY_CLICKHOUSE"])
    clickhouse["port"] = int(proxy.url.rpartition(":")[2])
    return {**found, "AIRFLOW_CONN_SLIPWAY_CLICKHOUSE": json.dumps(clickhouse)}


def killed_until_it_succeeds(
    proxy: FaultProxy, task_id: str, day: date, results: Mapping[str, Any], steps: Mapping[str, int]
) -> tuple[Any, int]:
    """Kill a task at its first call of ClickHouse, the next try some calls later, and so on.

    In turns when the call is answered and when it has just been made: then ClickHouse works on it beside the
    next try.

    :param steps: by task, the mean number of calls from one that is killed to the next.
    :return: the XCom of the try that got through, and how many were killed.
    """
    attempts, dice = itertools.count(1), random.Random(6)
    most, skip = 2 * steps.get(task_id, steps["others"]) - 1, 0

    def task() -> TaskProcess:
        return TaskProcess(task_id, day.isoformat(), next(attempts), results, environment(proxy))

    if task_id == OF_THE_SOURCE:
        victim = task()
        victim.start()
        time.sleep(SECONDS_INTO_IT)
        victim.kill()
        assert victim.wait().code == -9
    for number in itertools.count(0):
        proxy.reset()
        victim = task()
        fault = Fault(".*", "", skip=skip, lost="answer")
        moment = "before" if number % 2 else "after"
        happens: dict[str, Any] = {moment: victim.kill}
        injected = proxy.inject(replace(fault, **happens))
        victim.start()
        ended = victim.wait()
        if injected.times:
            assert ended.code == 0, f"{task_id} failed by itself"
            return ended.result, number
        assert ended.code == -9, task_id
        skip += dice.randint(1, most)
    raise AssertionError


@pytest.mark.parametrize(
    "steps",
    [SAMPLED, pytest.param(EVERY, marks=[pytest.mark.exhaustive, pytest.mark.timeout(3000)])],
    ids=["sampled", "every call"],
)
def test_killed_anywhere_and_run_again_the_day_is_the_truth_and_never_half_there(
    blank_source: psycopg.Connection,
    rollup: Rollup,
    proxy: FaultProxy,
    ledger: Ledger,
    postgres_server: Settings,
    steps: Mapping[str, int],
) -> None:
    past = make_known_past(ledger, postgres_server, days=DAYS, users=USERS)
    past = replace(past, there=complete(past.there), late=complete(past.late))
    load(blank_source, past.there)
    day = past.days[-2]
    _, killed = killed_until_it_succeeds(proxy, "migrate", day, {}, steps)
    assert killed > 1
    rollup.run(day.isoformat(), skip=(OF_THE_SOURCE, "check.quality"))
    before, now = (Truth(rows, past.recipe.serving) for rows in (past.there, past.all))
    assert differences({day: rollup.values(day)}, {day: before.day(day)}) == []

    load(blank_source, past.late)
    results: dict[str, Any] = {}
    kills: dict[str, int] = {}
    with watched(rollup) as seen:
        for task in load_dag().topological_sort():
            results[task.task_id], kills[task.task_id] = killed_until_it_succeeds(
                proxy, task.task_id, day, results, steps
            )
    assert differences({day: rollup.values(day)}, {day: now.day(day)}) == []
    assert seen == {(day, *shape(before.day(day))), (day, *shape(now.day(day)))}
    assert rollup.staging_tables() == []
    assert all(kills[name] for name in kills if name != OF_THE_SOURCE), kills
    rollup.command("OPTIMIZE TABLE kpi.kpi_daily FINAL")
    assert differences({day: rollup.values(day)}, {day: now.day(day)}) == []
