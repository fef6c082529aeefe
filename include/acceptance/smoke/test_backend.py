"""Whether a new backend answers its users, and nobody else."""

from __future__ import annotations

import json

import httpx
import websocket

from include.acceptance.platform import TIMEOUT_SECONDS, Caller, base_url, identity
from include.acceptance.smoke.asking import assert_healthy_and_new, at_least_once

TOO_LITTLE = json.dumps({"type": "optimize"})


def test_every_instance_asked_is_healthy_and_of_the_new_revision() -> None:
    assert_healthy_and_new("backend")


def test_a_user_is_answered(caller: Caller) -> None:
    @at_least_once
    def ask() -> None:
        assert caller.costs()["requests"] == 0

    ask()


def test_a_stranger_is_not(backend: httpx.Client) -> None:
    @at_least_once
    def ask() -> None:
        assert backend.get("/v1/costs").status_code == 401

    ask()


def test_a_websocket_opens_and_answers(caller: Caller) -> None:
    @at_least_once
    def ask() -> None:
        url = f"{base_url('backend').replace('http', 'ws', 1)}/v1/events?token={caller.token}"
        socket = websocket.create_connection(url, timeout=TIMEOUT_SECONDS, header=identity("backend"))
        try:
            socket.send(TOO_LITTLE)
            answer = json.loads(socket.recv())
        finally:
            socket.close(timeout=1)
        assert (answer["type"], answer["status"]) == ("error", 422)

    ask()
