"""What cannot be asked holds no rollback up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from slipway.ledger.entries import ReleaseOpened
from slipway.release.rollback.schema_guard import require_readable_targets

from tests.fake_ledger import FakeLedger

RELEASE: Any = SimpleNamespace(release_id="r")


class Silent(FakeLedger):
    """A ledger whose database is away."""

    def get(self, *_: Any, **__: Any) -> Any:
        raise ConnectionError("connection refused")


def test_a_ledger_that_gives_no_answer_is_on_record_and_goes_back() -> None:
    ledger = Silent()
    assert require_readable_targets(RELEASE, ["web"], ledger) == {
        "web": "the schema could not be read: ConnectionError: connection refused"
    }
    assert require_readable_targets(RELEASE, [], ledger) == {}


def test_a_release_without_versions_on_record_goes_back() -> None:
    ledger = FakeLedger(ReleaseOpened(actor="ada"))
    assert require_readable_targets(RELEASE, ["web"], ledger) == {}
