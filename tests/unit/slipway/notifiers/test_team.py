"""The team is told through the connection, over real sockets; when it is not, the error says why."""

from __future__ import annotations

import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.exceptions import NotificationFailed
from slipway.ledger.entries import TeamNotified, TeamNotReached
from slipway.notifiers import team
from slipway.notifiers.team import TeamNotifier, notify_again, notify_once, notify_team

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened


class _Server:
    """A server in a thread, and what it was sent."""

    def __init__(self, server: socketserver.BaseServer) -> None:
        self.server = server
        address: Any = server.server_address
        self.port = address[1]
        self.received: list[Any] = server.received  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again without a pause."""
    monkeypatch.setattr(team, "SECONDS_BETWEEN_TRIES", 0)


@pytest.fixture
def webhook() -> Iterator[_Server]:
    """A chat's webhook at /hook/secret, and one that takes the second message only; others are refused."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.received.append(json.loads(body))  # type: ignore[attr-defined]
            awake = self.path == "/hook/tired" and len(self.server.received) > 1  # type: ignore[attr-defined]
            self.send_response(200 if self.path == "/hook/secret" or awake else 403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    yield from _running(HTTPServer(("127.0.0.1", 0), Handler))


@pytest.fixture
def mail() -> Iterator[_Server]:
    """A mail server that keeps what it gets."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                command = line[:4].upper()
                if command == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    text = b"".join(iter(self.rfile.readline, b".\r\n"))
                    self.server.received.append(text.decode())  # type: ignore[attr-defined]
                elif command == b"RCPT":
                    self.server.received.append(line.decode().strip())  # type: ignore[attr-defined]
                self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 fine\r\n")
                if command == b"QUIT":
                    return

    yield from _running(socketserver.TCPServer(("127.0.0.1", 0), Handler))


def _running(server: socketserver.TCPServer) -> Iterator[_Server]:
    server.received = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield _Server(server)
    server.shutdown()
    thread.join()
    server.server_close()


def tell(monkeypatch: pytest.MonkeyPatch, *paths: str) -> None:
    """Send a message through a connection with these channels."""
    channels = [{"path": path} for path in paths]
    connection = {"conn_type": "apprise", "extra": {"config": channels}}
    monkeypatch.setenv("AIRFLOW_CONN_TEST_TEAM", json.dumps(connection))
    notifier = TeamNotifier(
        message="Release <1.1.0>\nis about to go", subject="Release 1.1.0", conn_id="test_team"
    )
    notifier.notify({})


def test_a_webhook_gets_the_text_and_the_subject(webhook: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, f"json://127.0.0.1:{webhook.port}/hook/secret?:message=text")
    (got,) = webhook.received
    assert (got["text"], got["title"]) == ("Release <1.1.0>\nis about to go", "Release 1.1.0")


@pytest.mark.parametrize("place", ["127.0.0.1:{port}/hook/hunter2", "127.0.0.1:9/hook/hunter2"])
def test_a_channel_that_takes_nothing_is_named_and_its_secret_is_not(
    webhook: _Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(NotificationFailed, match="a channel did not take the message") as caught:
        tell(monkeypatch, f"json://{place.format(port=webhook.port)}")
    assert "JSON" in str(caught.value)
    assert "hunter2" not in str(caught.value) + caplog.text


def test_one_channel_of_two_that_takes_nothing_is_a_failure(
    webhook: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = f"json://127.0.0.1:{webhook.port}/hook/secret", "json://127.0.0.1:9/hook"
    with pytest.raises(NotificationFailed, match="a channel did not take the message"):
        tell(monkeypatch, good, bad)
    assert len(webhook.received) == 1


def test_e_mail_goes_to_the_addresses(mail: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    to = "ops@example.com,cto@example.com"
    tell(
        monkeypatch,
        f"mailto://127.0.0.1:{mail.port}?from=slipway@example.com&to={to}&mode=insecure",
    )
    received = "\n".join(mail.received)
    assert {"<ops@example.com>" in received, "<cto@example.com>" in received} == {True}
    assert "Subject: Release 1.1.0" in received


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ({"conn_type": "ssh", "host": "x"}, "type 'ssh'; must be apprise"),
        ({"conn_type": "apprise"}, "its extra 'config' must be"),
        ({"conn_type": "apprise", "extra": {"config": 7}}, "its extra 'config' must be"),
        ({"conn_type": "apprise", "extra": {"config": []}}, "0 of 0 channels can be used"),
        ({"conn_type": "apprise", "extra": {"config": {"path": "hunter2://x"}}}, "0 of 1 channels can be"),
    ],
)
def test_a_connection_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    connection: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TEST_TEAM", json.dumps(connection))
    with pytest.raises(NotificationFailed, match=message):
        TeamNotifier(message="x", subject="x", conn_id="test_team").notify({})
    assert "hunter2" not in caplog.text


def test_a_connection_that_is_not_there() -> None:
    notifier = TeamNotifier(message="x", subject="x", conn_id="nobody_made_this")
    with pytest.raises(NotificationFailed, match="connection nobody_made_this: is not configured"):
        notifier.notify({})


def test_a_message_that_cannot_be_sent_is_returned_as_a_reason_and_fails_nothing(
    webhook: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = SimpleNamespace(notified_via="test_team", name="exchange-rates")
    release: Any = SimpleNamespace(release_id="v1-2-0-r", run_id="a run", policy=policy)
    for path, fails in (("/hook/secret", False), ("/hook", True)):
        config = {"path": f"json://127.0.0.1:{webhook.port}{path}"}
        monkeypatch.setenv(
            "AIRFLOW_CONN_TEST_TEAM", json.dumps({"conn_type": "apprise", "extra": {"config": config}})
        )
        error = notify_team({}, release, "called/canary", "Frozen", "The canary is frozen.")
        assert (error is not None) is fails
    assert webhook.received[0]["message"] == (
        "The canary is frozen.\nhttp://localhost:8080/dags/release/runs/a%20run/plugin/release"
        "\nexchange-rates (v1-2-0-r, called/canary)"
    )


def connect(monkeypatch: pytest.MonkeyPatch, *paths: str) -> None:
    """Let the policy's connection lead to these channels."""
    extra = {"config": [{"path": path} for path in paths]}
    monkeypatch.setenv("AIRFLOW_CONN_SLIPWAY_TEAM", json.dumps({"conn_type": "apprise", "extra": extra}))


def test_a_channel_that_takes_nothing_at_first_gets_it_again_and_the_other_does_not(
    webhook: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"json://127.0.0.1:{webhook.port}/hook"
    tell(monkeypatch, f"{here}/tired?:from=tired")
    assert len(webhook.received) == 2
    with pytest.raises(NotificationFailed, match=r"of JSON\)"):
        tell(monkeypatch, f"{here}/secret?:from=awake", f"{here}?:from=nobody")
    assert [got.get("from") for got in webhook.received[2:]].count("awake") == 1
    assert len(webhook.received) == 2 + 1 + team.TRIES


def test_what_could_not_be_sent_is_on_record_and_sent_again_once(
    webhook: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = FakeLedger()
    release = opened(ledger)

    def record(_: Any, entry: Any) -> None:
        ledger.append(release.release_id, entry)

    connect(monkeypatch, "json://127.0.0.1:9/hook")
    for event in ("outcome", "decision-canary-1"):
        missed = notify_once(ledger, {}, release, event, "Release 1.2.0", "5 % errors.")
        assert isinstance(missed, TeamNotReached)
        assert missed.reason.startswith("connection slipway_team: a channel did not take the message")
        record(release, missed)
    ledger.close(release.release_id, outcome="rolled_back", reason="5 % errors")
    release = ledger.release(release.release_id)
    notify_again(ledger, record, {}, release)
    assert ledger.get(release.release_id, TeamNotified, event="outcome") is None
    connect(monkeypatch, f"json://127.0.0.1:{webhook.port}/hook/secret")
    for _ in range(2):
        notify_again(ledger, record, {}, release)
    (got,) = webhook.received
    assert got["message"].startswith(
        "5 % errors.\nhttp://localhost:8080/dags/release/runs/run/plugin/release"
    )
    assert ledger.get(release.release_id, TeamNotified, event="outcome") is not None
