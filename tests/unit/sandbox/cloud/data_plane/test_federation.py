"""Instances' metrics, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from prometheus_client.parser import text_string_to_metric_families

from sandbox.cloud.data_plane import federation
from sandbox.cloud.data_plane.federation import Target


@contextmanager
def serving(text: str) -> Iterator[int]:
    """A loopback server whose every answer is this text."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - name of the base class
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


COUNTER = '# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total{kind="a\\"b"} 3\n'


def collect(*texts: str) -> tuple[str, int]:
    def nested(left: list[str], ports: list[int]) -> tuple[str, int]:
        if left:
            with serving(left[0]) as port:
                return nested(left[1:], [*ports, port])
        targets = [Target(port, {"instance": str(number)}) for number, port in enumerate(ports)]
        return asyncio.run(federation.collect(targets))

    return nested(list(texts), [])


def test_one_family_of_two_instances() -> None:
    text, missing = collect(COUNTER, COUNTER)
    assert missing == 0
    assert text.count("# TYPE jobs_total counter") == 1
    (family,) = text_string_to_metric_families(text)
    assert [(s.labels, s.value) for s in family.samples] == [
        ({"kind": 'a"b', "instance": "0"}, 3),
        ({"kind": 'a"b', "instance": "1"}, 3),
    ]


def test_unusable_answers_are_counted_and_left_out() -> None:
    gauge = "# TYPE jobs gauge\njobs 1\n"
    text, missing = collect(COUNTER, "this is { no metric", gauge)
    assert missing == 2
    assert [f.type for f in text_string_to_metric_families(text)] == ["counter"]


def test_instance_that_does_not_answer() -> None:
    with serving("") as port:
        pass
    text, missing = asyncio.run(federation.collect([Target(port, {})]))
    assert (text, missing) == ("", 1)
