"""The team is told through the connection, over real sockets; when it is not, the error says why."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.exceptions import NotificationFailed
from slipway.notifiers.team import TeamNotifier, notify_team


class _Server:
    """A server in a thread, and what it was sent."""

    def __init__(self, server: socketserver.BaseServer) -> None:
        self.server = server
        address: Any = server.server_address
        self.port = address[1]
        self.received: list[Any] = server.received  # type: ignore[attr-defined]


@pytest.fixture
def webhook() -> Iterator[_Server]:
    """A chat's webhook at /hook/secret; every other path is refused."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.received.append(json.loads(body))  # type: ignore[attr-defined]
            self.send_response(200 if self.path == "/hook/secret" else 403)
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


def tell(monkeypatch: pytest.MonkeyPatch, **connection: Any) -> None:
    """Send a message through a connection of this content."""
    monkeypatch.setenv("AIRFLOW_CONN_TEST_TEAM", json.dumps(connection))
    notifier = TeamNotifier(
        message="Release <1.1.0>\nis about to go",
        subject="Release 1.1.0",
        conn_id="test_team",
        details={"n": 1},
    )
    notifier.notify({})


def test_a_webhook_gets_the_text_and_the_details(webhook: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, conn_type="http", host=f"http://127.0.0.1:{webhook.port}/hook", password="secret")
    assert webhook.received == [{"text": "Release <1.1.0>\nis about to go", "n": 1}]


def test_a_refusal_is_told_without_the_secret_end_of_the_url(
    webhook: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"http://127.0.0.1:{webhook.port}/hook"
    with pytest.raises(NotificationFailed, match="refused with HTTP 403") as caught:
        tell(monkeypatch, conn_type="http", host=host, password="hunter2")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(NotificationFailed, match=r"nobody answers \(ConnectError\)"):
        tell(monkeypatch, conn_type="http", host="http://127.0.0.1:9/hook", password="hunter2")


def test_e_mail_goes_to_the_addresses(mail: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(
        monkeypatch,
        conn_type="smtp",
        host="127.0.0.1",
        port=mail.port,
        extra={
            "to": ["ops@example.com", "cto@example.com"],
            "from_email": "slipway@example.com",
            "disable_ssl": True,
            "disable_tls": True,
        },
    )
    *receivers, text = mail.received
    assert receivers == ["rcpt TO:<ops@example.com>", "rcpt TO:<cto@example.com>"]
    assert "Subject: Release 1.1.0" in text


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        ({"conn_type": "ssh", "host": "x"}, r"type 'ssh'; must be http \(a webhook\) or smtp"),
        ({"conn_type": "http", "host": "chat.example.com"}, "must be the webhook's whole URL"),
        ({"conn_type": "smtp", "host": "x"}, "no addresses; set its extra 'to'"),
    ],
)
def test_a_connection_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], message: str
) -> None:
    with pytest.raises(NotificationFailed, match=message):
        tell(monkeypatch, **connection)


def test_a_connection_that_is_not_there() -> None:
    notifier = TeamNotifier(message="x", subject="x", conn_id="nobody_made_this")
    with pytest.raises(NotificationFailed, match="connection nobody_made_this: is not configured"):
        notifier.notify({})


def test_a_message_that_cannot_be_sent_is_returned_as_a_reason_and_fails_nothing(
    webhook: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    notification = SimpleNamespace(connection="test_team")
    policy = SimpleNamespace(checklist=SimpleNamespace(notification=notification))
    release: Any = SimpleNamespace(release_id="r", policy=policy)
    for path, error in (("/hook/secret", None), ("/hook", "connection test_team: refused with HTTP 403")):
        connection = {"conn_type": "http", "host": f"http://127.0.0.1:{webhook.port}{path}"}
        monkeypatch.setenv("AIRFLOW_CONN_TEST_TEAM", json.dumps(connection))
        assert notify_team({}, release, "called/canary", "Frozen", "The canary is frozen.") == error
    assert webhook.received[0] == {"text": "The canary is frozen.", "release": "r", "event": "called/canary"}
