"""What cannot be asked holds no rollback up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from slipway.release.rollback.schema_guard import require_readable_targets

RELEASE: Any = SimpleNamespace(release_id="r")


class Silent:
    """A ledger whose database is away."""

    def entry(self, release_id: str, key: str) -> Any:
        raise ConnectionError("connection refused")


class Early(Silent):
    """A ledger with a release that was opened before versions were put on record."""

    def entry(self, release_id: str, key: str) -> Any:
        return {"actor": "ada"} if key == "opened" else None


def test_a_ledger_that_gives_no_answer_is_on_record_and_goes_back() -> None:
    ledger: Any = Silent()
    assert require_readable_targets(RELEASE, ["web"], ledger) == {
        "web": "the schema could not be read: ConnectionError: connection refused"
    }
    assert require_readable_targets(RELEASE, [], ledger) == {}


def test_a_release_without_versions_on_record_goes_back() -> None:
    ledger: Any = Early()
    assert require_readable_targets(RELEASE, ["web"], ledger) == {}
