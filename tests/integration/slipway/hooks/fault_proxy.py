"""A real HTTP proxy that can refuse, delay or lose answers, to stand in front of any API."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx

HOP_BY_HOP = {"connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding"}
UPSTREAM_SECONDS = 30.0


@dataclass
class Fault:
    """What happens to the requests that match, as often as ``times`` says.

    :param method: HTTP method, as a pattern.
    :param path: pattern searched for in the path with its query.
    :param skip: how many matching requests pass before it happens.
    :param status: status to answer with instead of forwarding.
    :param lost: ``answer``: forwarded, and the connection is closed instead of answering;
        ``request``: not even forwarded.
    :param delay: seconds to wait before the answer (or before closing).
    :param before: called before forwarding, e.g. to change the world meanwhile.
    :param after: called once the API has answered, before that answer is sent on or lost.
    :param rewrite: makes the content that is sent on out of the API's own.
    :param times: how many requests it happens to.
    """

    method: str
    path: str
    status: int | None = None
    lost: Literal["answer", "request"] | None = None
    delay: float = 0.0
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None
    rewrite: Callable[[bytes], bytes] | None = None
    times: int = 1
    skip: int = 0


@dataclass
class Exchange:
    """A request that the proxy saw.

    It is on record before it is forwarded, and its status before it is answered: whoever has the answer in
    hand finds it in ``FaultProxy.seen``.

    :param status: what it was answered with; none while it waits, and when the answer was lost.
    """

    method: str
    path: str
    status: int | None = None


@dataclass
class FaultProxy:
    """A running proxy.

    :param upstream: base URL that requests are forwarded to.
    :param rewrites: what in every answer is replaced by what, such as another proxy's address.
    """

    upstream: str
    url: str = ""
    rewrites: dict[bytes, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[Exchange] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def inject(self, fault: Fault) -> Fault:
        """Add a fault; the first that matches a request happens to it.

        :return: the copy whose ``times`` counts down.
        """
        injected = replace(fault)
        with self.lock:
            self.faults.append(injected)
        return injected

    def reset(self) -> None:
        """Forget all faults and everything seen."""
        with self.lock:
            self.faults.clear()
            self.seen.clear()

    def count(self, method: str, path: str = "", status: int | None = None) -> int:
        """Count the requests seen, by method, pattern and the status they were answered with."""
        with self.lock:
            return sum(
                seen.method == method
                and re.search(path, seen.path) is not None
                and status in (None, seen.status)
                for seen in self.seen
            )

    def take(self, method: str, path: str) -> Fault | None:
        """Take the fault that is to happen to a request."""
        with self.lock:
            for fault in self.faults:
                if not (re.fullmatch(fault.method, method) and re.search(fault.path, path)):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                elif fault.times > 0:
                    fault.times -= 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _handle(self) -> None:
        body = self._body()
        self.exchange = Exchange(self.command, self.path)
        with self.server.proxy.lock:
            self.server.proxy.seen.append(self.exchange)
        self._answer(body, self.server.proxy.take(self.command, self.path))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, body: bytes, fault: Fault | None) -> None:
        if fault is not None and fault.status is not None:
            error = {"code": fault.status, "message": "injected", "status": "INJECTED"}
            return self._send(fault.status, [], json.dumps({"error": error}).encode(), fault.delay)
        if fault is not None and fault.before is not None:
            fault.before()
        if fault is not None and fault.lost == "request":
            return self._drop(fault.delay)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        if "Accept-Encoding" not in self.headers:
            headers["Accept-Encoding"] = "identity"
        try:
            with self.server.client.stream(
                self.command, self.server.proxy.upstream + self.path, content=body, headers=headers
            ) as answer:
                # As it comes: the client may know encodings that this proxy does not.
                raw = b"".join(answer.iter_raw())
        except httpx.HTTPError:
            return self._drop(0)
        if fault is not None and fault.after is not None:
            fault.after()
        if fault is not None and fault.lost == "answer":
            return self._drop(fault.delay)
        kept = [(name, value) for name, value in answer.headers.items() if name not in HOP_BY_HOP]
        if self.server.proxy.rewrites or (fault is not None and fault.rewrite is not None):
            decoded = httpx.Response(answer.status_code, headers=answer.headers, content=raw).content
            kept = [(name, value) for name, value in kept if name != "content-encoding"]
            raw = self._rewritten(decoded, fault)
        return self._send(answer.status_code, kept, raw, fault.delay if fault else 0)

    def _rewritten(self, content: bytes, fault: Fault | None) -> bytes:
        if fault is not None and fault.rewrite is not None:
            content = fault.rewrite(content)
        for found, instead in self.server.proxy.rewrites.items():
            content = content.replace(found, instead)
        return content

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes, delay: float) -> None:
        time.sleep(delay)
        self.exchange.status = status
        try:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
        except ConnectionError:  # the client gave up waiting: to it, the answer is lost
            self.exchange.status = None
            self._drop(0)

    def _drop(self, delay: float) -> None:
        time.sleep(delay)
        self.close_connection = True

    do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = _handle  # noqa: N815 - named by http.server

    def log_message(self, *_: object) -> None:
        """Say nothing: what was seen is in ``FaultProxy.seen``."""


class _Server(ThreadingHTTPServer):
    def __init__(self, proxy: FaultProxy, client: httpx.Client) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy, self.client = proxy, client


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """Run a proxy in front of ``upstream`` on a free loopback port."""
    proxy = FaultProxy(upstream)
    with httpx.Client(timeout=UPSTREAM_SECONDS) as client:
        server = _Server(proxy, client)
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
