"""A report is shown as it was written, and not otherwise."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath
from slipway.ui.reports import ReportUnreadable, report_response

DIGEST = hashlib.sha256(b"<p>promoted</p>").hexdigest()


def test_it_is_shown_with_a_policy_under_which_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "r.html").write_bytes(b"<p>promoted</p>")
    answer = report_response(f"file://{tmp_path}/r.html", DIGEST, "html")
    assert answer.body == b"<p>promoted</p>"
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("content", "words"), [(b"<p>rolled back</p>", "its digest differs"), (None, "cannot be read")]
)
def test_one_that_is_changed_or_gone_is_not(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "r.html").write_bytes(content)
    with pytest.raises(ReportUnreadable, match=rf"r\.html.*{words}|{words}.*r\.html"):
        report_response(f"file://{tmp_path}/r.html", DIGEST, "html")


def test_a_bucket_whose_client_raises_an_error_of_its_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class HttpError(Exception):
        """What gcsfs raises for an answer of 500, which is no error of the system."""

    def fails(_: ObjectStoragePath) -> bytes:
        raise HttpError("Internal Server Error, 500")

    monkeypatch.setattr(ObjectStoragePath, "read_bytes", fails)
    with pytest.raises(ReportUnreadable, match=r"cannot be read at file:///r\.html"):
        report_response("file:///r.html", DIGEST, "html")
