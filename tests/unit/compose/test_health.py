"""The containers' health check."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from compose.health import problem

PAGE = {"metadatabase": {"status": "healthy"}, "dag_processor": {"status": "unhealthy"}, "triggerer": {}}


class Airflow(BaseHTTPRequestHandler):
    """Airflow's health page."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()
        self.wfile.write(json.dumps(PAGE).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def airflow() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Airflow)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("component", "page", "words"),
    [
        ("metadatabase", "/health", None),
        ("dag_processor", "/health", "dag_processor is unhealthy"),
        ("triggerer", "/health", "KeyError"),
        ("metadatabase", "/elsewhere", "gives no answer"),
    ],
)
def test_it_says_what_is_wrong(airflow: str, component: str, page: str, words: str | None) -> None:
    found = problem(component, airflow + page)
    assert found is None if words is None else words in (found or "")
