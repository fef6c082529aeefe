"""The process: starting, stopping, being killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import psutil
import pytest

from sandbox.databases.clickhouse.program import program
from sandbox.supervisor import credentials
from sandbox.supervisor.processes import StartError, kill, log_file, start
from sandbox.supervisor.settings import HOST, Settings
from tests.own_sandbox import own_sandbox
from tests.waiting import BOUND_SECONDS, until

pytestmark = pytest.mark.sandbox
RSS_LIMIT_MIB = 900


@pytest.fixture
def own() -> Iterator[Settings]:
    with own_sandbox() as settings:
        yield settings


def open_client(settings: Settings) -> clickhouse_connect.driver.Client:
    return clickhouse_connect.get_client(
        host=HOST,
        port=settings.clickhouse_port,
        username="slipway",
        password=credentials.load(settings).clickhouse_password,
        database="kpi",
        autogenerate_session_id=False,
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(BOUND_SECONDS) == 0


def busy_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return the processor time that a process has used."""
    return float(psutil.Process(process.pid).cpu_times().user)


def test_acknowledged_rows_survive_a_stop_and_a_kill(own: Settings) -> None:
    process = start(program(own), own)
    client = open_client(own)
    client.command("CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n")
    client.command("INSERT INTO kept SELECT number FROM numbers(1000)")
    stop(process)
    process = start(program(own), own)
    client = open_client(own)
    acknowledged = 1000
    for _ in range(20):
        client.command("INSERT INTO kept SELECT number FROM numbers(5000)")
        acknowledged += 5000
    kill(process)
    process = start(program(own), own)
    try:
        assert open_client(own).command("SELECT count() FROM kept") == acknowledged
    finally:
        stop(process)


def test_it_stops_although_a_query_runs(own: Settings) -> None:
    process = start(program(own), own)
    client = open_client(own)
    ended: list[Exception] = []

    def long_query() -> None:
        try:
            client.command("SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 0")
        except clickhouse_connect.driver.exceptions.Error as error:
            ended.append(error)

    idle = busy_seconds(process)
    thread = threading.Thread(target=long_query)
    thread.start()
    until(lambda: busy_seconds(process) > idle + 0.5, "a query at work")
    # The query would go on for an hour: whoever waits for it does not stop within the bound.
    stop(process)
    thread.join(BOUND_SECONDS)
    assert len(ended) == 1
    client.close()


def test_a_second_server_on_the_port_says_what_to_do(own: Settings) -> None:
    process = start(program(own), own)
    try:
        second = subprocess.run(
            program(own).command,
            env={**os.environ, "SLIPWAY_HOME": str(own.home), "SLIPWAY_PORT_BASE": str(own.port_base)},
            capture_output=True,
            text=True,
            timeout=BOUND_SECONDS,
            check=False,
        )
    finally:
        stop(process)
    assert second.returncode == 1
    assert f"{HOST}:{own.clickhouse_port} cannot be bound (Address already in use)" in second.stdout
    assert "Traceback" not in second.stdout + second.stderr


def test_a_second_server_on_the_folder_names_the_first(own: Settings, tmp_path: Path) -> None:
    process = start(program(own), own)
    try:
        other = Settings(home=own.home, port_base=own.port_base + 10)
        with pytest.raises(StartError, match="another process may have it open"):
            start(program(other), other)
    finally:
        stop(process)


def test_its_memory_and_its_log_stay_small(own: Settings) -> None:
    process = start(program(own), own)
    try:
        client = open_client(own)
        client.command("CREATE TABLE big (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
        client.command("INSERT INTO big SELECT number, toString(number) FROM numbers(3000000)")
        client.query("SELECT s, count() FROM big GROUP BY s LIMIT 10")
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        stop(process)
    resident = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert resident is not None
    assert int(resident.group(1)) / 1024 < RSS_LIMIT_MIB
    log = log_file(own, "clickhouse").read_text()
    assert credentials.load(own).clickhouse_password not in log
    assert credentials.load(own).postgres_password not in log
    assert "INSERT" not in log
