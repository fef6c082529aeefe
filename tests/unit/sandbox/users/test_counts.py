"""What counts as dropped, as the application's error, and as asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.load_test.event_socket import ClosedError
from sandbox.users.counts import Counts

URL = "http://127.0.0.1:1/v1/optimize"


@pytest.fixture
def counts(tmp_path: Path) -> Iterator[Counts]:
    """Counts in a folder of their own."""
    made = Counts(tmp_path)
    yield made
    made.close()


def _http(counts: Counts, status: int, revision: str | None, error: Exception | None) -> None:
    headers = {"x-slipway-revision": revision} if revision else {}
    response = SimpleNamespace(status_code=status, headers=headers)
    counts.on_request("POST", "/v1/optimize", response, error, {}, URL)


def _ws(counts: Counts, name: str, error: Exception | None, **context: Any) -> None:
    counts.on_request("WS", name, None, error, context, URL)


def _lines(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "failures.jsonl").read_text().splitlines()]


def test_good_answers_are_ok_and_leave_no_line(counts: Counts, tmp_path: Path) -> None:
    _http(counts, 200, "r1", None)
    _http(counts, 402, "r2", None)
    counts.write()
    written = json.loads((tmp_path / "counts.json").read_text())
    assert (written["requests"], written["ok"], written["app_errors"], written["dropped"]) == (2, 2, 0, 0)
    assert written["by_revision"] == {"r1": {"requests": 1, "errors": 0}, "r2": {"requests": 1, "errors": 0}}
    assert written["since"] <= written["at"]
    assert _lines(tmp_path) == []


def test_an_error_of_a_revision_is_the_applications(counts: Counts, tmp_path: Path) -> None:
    _http(counts, 500, "r1", RuntimeError("status 500"))
    assert (counts.app_errors, counts.dropped, counts.by_revision["r1"]["errors"]) == (1, 0, 1)
    (line,) = _lines(tmp_path)
    assert (line["kind"], line["status"], line["revision"], line["dropped"]) == ("http", 500, "r1", False)
    assert line["url"] == URL


@pytest.mark.parametrize(
    ("status", "error"), [(0, ConnectionError("reset")), (503, RuntimeError("status 503")), (200, None)]
)
def test_an_answer_of_no_revision_is_a_dropped_request(
    counts: Counts, tmp_path: Path, status: int, error: Exception | None
) -> None:
    _http(counts, status, None, error)
    assert (counts.requests, counts.ok, counts.app_errors, counts.dropped) == (1, 0, 0, 1)
    (line,) = _lines(tmp_path)
    assert (line["dropped"], line["status"], line["revision"]) == (True, status or None, None)


def test_a_websocket_that_was_asked_to_close_is_no_failure(counts: Counts, tmp_path: Path) -> None:
    _ws(counts, "connect", None, revision="r1", status=101)
    _ws(counts, "event", None, revision="r1")
    _ws(counts, "closed", None, revision="r1", code=1012)
    expected = {"connects": 1, "events": 1, "closed_asked": 1, "closed_unasked": 0, "errors": 0, "dropped": 0}
    assert counts.websocket == expected
    assert _lines(tmp_path) == []


@pytest.mark.parametrize(("code", "dropped"), [(None, 1), (1011, 0)])
def test_a_websocket_closed_unasked_is_one(
    counts: Counts, tmp_path: Path, code: int | None, dropped: int
) -> None:
    _ws(counts, "closed", ClosedError(code), revision="r1", code=code)
    assert (counts.websocket["closed_unasked"], counts.websocket["dropped"]) == (1, dropped)
    (line,) = _lines(tmp_path)
    assert (line["kind"], line["dropped"]) == ("ws", bool(dropped))


def test_a_refused_handshake_without_a_revision_is_dropped(counts: Counts, tmp_path: Path) -> None:
    _ws(counts, "connect", RuntimeError("503"), revision=None, status=503)
    _ws(counts, "connect", RuntimeError("500"), revision="r1", status=500)
    assert (counts.websocket["errors"], counts.websocket["dropped"]) == (2, 1)
    assert [line["dropped"] for line in _lines(tmp_path)] == [True, False]


def test_a_spent_budget_on_a_websocket_is_an_answer(counts: Counts) -> None:
    _ws(counts, "refused", None, revision="r1", status=402)
    assert counts.websocket["errors"] == 0
