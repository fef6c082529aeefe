"""What the users saw: counts, and one line for every bad answer."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from include.load_test.event_socket import CAUSE_HEADER, REVISION_HEADER, ClosedError


class Counts:
    """Counts of everything since the start, written to ``counts.json``; failures to ``failures.jsonl``.

    A request is dropped when it got no answer, or one that came from no revision of the service. Every other
    bad answer is the application's error.

    :param folder: where the two files go.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._counts = folder / "counts.json"
        self._failures = (folder / "failures.jsonl").open("a", buffering=1)
        self._since = time.time()
        self.requests = 0
        self.ok = 0
        self.app_errors = 0
        self.dropped = 0
        self.websocket = dict.fromkeys(
            ("connects", "events", "closed_asked", "closed_unasked", "errors", "dropped"), 0
        )
        self.by_revision: dict[str, dict[str, int]] = defaultdict(lambda: {"requests": 0, "errors": 0})

    def on_request(
        self, request_type: str, name: str, response: Any, exception: object, context: Any, url: str, **_: Any
    ) -> None:
        """Take note of one of Locust's ``request`` events."""
        if request_type == "WS":
            self._websocket(name, exception, context, url)
        else:
            self._http(response, exception, url)

    def write(self) -> None:
        """Replace ``counts.json`` with the counts as they stand, at once."""
        content = {
            "since": self._since,
            "at": time.time(),
            "requests": self.requests,
            "ok": self.ok,
            "app_errors": self.app_errors,
            "dropped": self.dropped,
            "websocket": self.websocket,
            "by_revision": self.by_revision,
        }
        new = self._counts.with_suffix(".new")
        new.write_text(json.dumps(content))
        new.replace(self._counts)

    def close(self) -> None:
        """Write the last counts, and let both files reach the disk."""
        self.write()
        os.fsync(self._failures.fileno())
        self._failures.close()

    def _http(self, response: Any, exception: object, url: str) -> None:
        self.requests += 1
        revision = (response.headers or {}).get(REVISION_HEADER)
        status = response.status_code or None
        if revision:
            self.by_revision[revision]["requests"] += 1
        if exception is None and revision:
            self.ok += 1
            return
        if revision:
            self.app_errors += 1
            self.by_revision[revision]["errors"] += 1
        else:
            self.dropped += 1
        error = exception or "the answer names no revision"
        self._fail("http", status, (response.headers or {}).get(CAUSE_HEADER) or revision, url, error)

    def _websocket(self, name: str, exception: object, context: dict[str, Any], url: str) -> None:
        revision, status = context.get("revision"), context.get("status")
        if name == "connect" and revision:
            self.by_revision[revision]["requests"] += 1
        unnamed = name == "connect" and not revision
        if exception is None and not unnamed:
            counted = {"connect": "connects", "event": "events", "closed": "closed_asked"}.get(name)
            if counted:
                self.websocket[counted] += 1
            return
        if revision:
            self.by_revision[revision]["errors"] += 1
        closed = name == "closed"
        self.websocket["closed_unasked" if closed else "errors"] += 1
        no_frame = closed and not (isinstance(exception, ClosedError) and exception.code)
        if unnamed or no_frame:
            self.websocket["dropped"] += 1
        self._fail(
            "ws", status, revision, url, exception or "the handshake names no revision", unnamed or no_frame
        )

    def _fail(
        self,
        kind: str,
        status: int | None,
        revision: str | None,
        url: str,
        error: object,
        dropped: bool = False,
    ) -> None:
        line = {
            "at": time.time(),
            "kind": kind,
            "dropped": dropped or revision is None,
            "status": status,
            "revision": revision,
            "url": url,
            "error": str(error)[:500],
        }
        self._failures.write(json.dumps(line) + "\n")
