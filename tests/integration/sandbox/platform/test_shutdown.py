"""SIGTERM: what is in progress is finished, WebSockets are told to come back, usage is written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_connection

import httpx
import psutil
import psycopg
import pytest
import websocket

from include.load_test.event_socket import SERVICE_RESTART, ClosedError, receive
from include.load_test.prompts import corpus
from tests.integration.sandbox.platform.services import Service, User, backend_environment, start
from tests.waiting import until

pytestmark = pytest.mark.sandbox
# Cloud Run ends an instance by force this long after it asked it to stop.
GRACE_SECONDS = 10.0
NewUser = Callable[[Service], User]
PROMPT = corpus(1)[0]


def _connect(user: User) -> websocket.WebSocket:
    url = f"{user.service.url.replace('http', 'ws')}/v1/events?token={user.token}"
    return websocket.create_connection(url, timeout=10)


def _connections(service: Service) -> int:
    """How many clients the service has."""
    port = httpx.URL(service.url).port
    found = psutil.Process(service.process.pid).net_connections("tcp")
    return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port for one in found)


def _refuses(service: Service) -> bool:
    """Whether the service accepts no connection any more."""
    url = httpx.URL(service.url)
    try:
        create_connection((url.host, url.port or 80), timeout=2).close()
    except ConnectionRefusedError:
        return True
    return False


def _ask(socket: websocket.WebSocket) -> None:
    body = {"session_key": "s", "agent_name": "a", "model": "gpt-4", "prompt": PROMPT.text}
    socket.send(json.dumps({"type": "optimize", **body}))


def test_requests_and_events_in_progress_are_finished(
    database: str, tmp_path: Path, new_user: NewUser
) -> None:
    environment = backend_environment(database, FAULT_LATENCY_SECONDS="1.5", FAULT_EVENT_DELAY_SECONDS="0.5")
    service = start("backend", environment, tmp_path / "log")
    user = new_user(service)
    socket = _connect(user)
    try:
        with ThreadPoolExecutor(max_workers=3) as pool:
            answers = [pool.submit(user.optimize, prompt) for prompt in corpus(3)]
            _ask(socket)
            assert receive(socket)["type"] == "optimization.started"
            until(lambda: _connections(service) == 4, "three requests and the socket")
            began = time.monotonic()
            service.terminate()
            assert [answer.result().status_code for answer in answers] == [200] * 3
        events = [receive(socket)["type"] for _ in range(2)]
        assert events == ["cost.updated", "optimization.completed"]
        with pytest.raises(ClosedError) as closed:
            receive(socket)
        assert closed.value.code == SERVICE_RESTART
        assert service.wait() == 0
        assert time.monotonic() - began < GRACE_SECONDS
    finally:
        socket.shutdown()
        service.stop()
    with psycopg.connect(database) as connection:
        written = connection.execute(
            "SELECT count(*) FROM token_usage_tracking WHERE user_id = %s", [user.user_id]
        ).fetchone()
    assert written == (4,)


def test_idle_clients_are_served_to_the_end_and_nothing_new_is_accepted(
    database: str, tmp_path: Path, new_user: NewUser
) -> None:
    service = start("backend", backend_environment(database), tmp_path / "log")
    user = new_user(service)
    sockets = [_connect(new_user(service)) for _ in range(5)]
    try:
        user.optimize(PROMPT).raise_for_status()
        service.terminate()
        until(lambda: _refuses(service), "the end of new connections")
        # This request comes on a connection that was kept from before.
        answer = user.optimize(PROMPT)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        for socket in sockets:
            with pytest.raises(ClosedError) as closed:
                receive(socket)
            assert closed.value.code == SERVICE_RESTART
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{service.url}/health", timeout=2, trust_env=False)
        assert service.wait() == 0
    finally:
        for socket in sockets:
            socket.shutdown()
        service.stop()


def test_endless_work_is_cut_off_within_the_bound(database: str, tmp_path: Path, new_user: NewUser) -> None:
    environment = backend_environment(database, FAULT_EVENT_DELAY_SECONDS="60")
    service = start("backend", environment, tmp_path / "log")
    socket = _connect(new_user(service))
    try:
        _ask(socket)
        socket.ping()
        opcode, _ = socket.recv_data(control_frame=True)
        assert opcode == websocket.ABNF.OPCODE_PONG, "what was sent before has arrived too"
        began = time.monotonic()
        service.terminate()
        with pytest.raises(ClosedError) as closed:
            receive(socket)
        assert closed.value.code == SERVICE_RESTART
        assert 4 < time.monotonic() - began < GRACE_SECONDS
        assert service.wait() == 0
        assert time.monotonic() - began < GRACE_SECONDS
    finally:
        socket.shutdown()
        service.stop()
