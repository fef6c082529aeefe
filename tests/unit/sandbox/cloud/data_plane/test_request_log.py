"""Lines of the data plane's request log."""

from __future__ import annotations

import pytest

from sandbox.cloud.data_plane.request_log import LoggedRequest, parse


def line(status: int, termination: str = "--", milliseconds: int = 7) -> str:
    return f"req\t21020\tr3\ti9\t{status}\t{termination}\t{milliseconds}"


def test_request() -> None:
    assert parse(line(200)) == LoggedRequest(21020, "r3", 200, 7)
    nowhere = line(429, "sQ").replace("i9", "<NOSRV>")
    assert parse(nowhere) == LoggedRequest(21020, "r3", 429, 7, reached=False)


@pytest.mark.parametrize(
    ("status", "termination", "counted"),
    [
        (500, "--", 500),
        (503, "SC", 503),
        (502, "SH", 502),
        (-1, "SH", 503),
        (-1, "sQ", 503),
        (-1, "CH", 499),
        (200, "SD", 502),
        (200, "CD", 200),
        (500, "SD", 500),
        (101, "SD", 101),
        (101, "KD", 101),
        (200, "KD", 504),
        (101, "CD", 101),
    ],
)
def test_a_request_is_counted_by_its_status_and_termination(
    status: int, termination: str, counted: int
) -> None:
    request = parse(line(status, termination))
    assert request is not None
    assert request.status == counted


def test_duration_that_could_not_be_measured() -> None:
    request = parse(line(-1, "CR", -1))
    assert request is not None
    assert request.milliseconds == 0


@pytest.mark.parametrize("text", ["", "Server r0/i1 is UP/READY (leaving forced maintenance).", "req\t1"])
def test_other_lines(text: str) -> None:
    assert parse(text) is None
