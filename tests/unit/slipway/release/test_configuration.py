"""What changes in the configuration is told key by key, and nothing that may be a secret is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from slipway.exceptions import SecretUnavailable
from slipway.ledger.entries import ConfigurationChange
from slipway.policy.configuration import Document
from slipway.release.configuration import ConfigurationStore, changes, parse_payload, table

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened

DOCUMENT = Document.model_validate(
    {
        "settings": {
            "BUDGET": {"type": "decimal", "unit": "usd", "minimum": "0", "maximum": "9", "value": "2.00"},
            "FLAG": {"type": "flag", "value": True, "on_rollback": False},
            "KEY": {"type": "secret"},
        }
    }
)


def found_in(
    running: dict[str, object] | None, after: dict[str, object] | None = None
) -> list[ConfigurationChange]:
    return changes("limits", DOCUMENT, running, after)


def test_the_same_content_is_no_change() -> None:
    found = found_in({"BUDGET": "2.00", "FLAG": True, "KEY": "hunter2"})
    assert found == []
    assert table(found) == "No setting changes."


def test_a_change_has_both_values_and_the_unit() -> None:
    found = found_in({"BUDGET": "1.00", "FLAG": True})
    assert found == [
        ConfigurationChange(document="limits", key="BUDGET", before="1.00", after="2.00", unit="usd")
    ]
    assert table(found).splitlines() == [
        "| document | key | now | new | unit |",
        "|-|-|-|-|-|",
        "| limits | BUDGET | 1.00 | 2.00 | usd |",
    ]


def test_a_first_version_is_all_new() -> None:
    assert [(change.key, change.before) for change in found_in(None)] == [
        ("BUDGET", "(absent)"),
        ("FLAG", "(absent)"),
    ]


def test_any_two_contents_are_compared_and_no_secret_is_shown() -> None:
    now: dict[str, object] = {"BUDGET": "2.00", "FLAG": True, "KEY": "hunter2"}
    found = found_in(now, {"FLAG": False, "KEY": "hunter3", "OLD": "hunter4"})
    assert [(change.key, change.before, change.after) for change in found] == [
        ("FLAG", "true", "false"),
        ("KEY", "(not shown)", "(not shown)"),
        ("OLD", "(absent)", "(not shown)"),
        ("BUDGET", "2.00", "(absent)"),
    ]


def test_neither_a_secret_nor_an_unknown_key_shows_its_value() -> None:
    found = found_in({"BUDGET": "2.00", "FLAG": True, "KEY": "hunter2", "OLD": "hunter3"})
    assert [(change.key, change.before, change.after) for change in found] == [
        ("OLD", "(not shown)", "(absent)")
    ]
    assert "hunter" not in table(found)


def test_a_cell_cannot_break_the_table() -> None:
    assert "a\\|b" in table([ConfigurationChange(document="d", key="k", before="a|b", after="c")])


@pytest.mark.parametrize("data", [b"{", b"[1]", b"\xff"])
def test_what_is_no_document_is_none(data: bytes) -> None:
    assert parse_payload(data) is None


class Secrets:
    """A secret with versions 1 to 3, of which some are not enabled.

    :param rollback: the version that the alias names.
    :param disabled: versions that are not enabled.
    """

    def __init__(self, rollback: int | None, *disabled: int) -> None:
        self.rollback = rollback
        self.disabled = disabled

    def version_state(self, *, version: int | str, **_: str) -> str:
        number = 3 if version == "latest" else int(version)
        return "DISABLED" if number in self.disabled else "ENABLED"

    def newest_version(self, **_: str) -> int:
        return 3

    def aliases(self, **_: str) -> dict[str, int]:
        return {} if self.rollback is None else {"rollback": self.rollback}

    def access(self, *, version: int | str, **_: str) -> bytes:
        return json.dumps({"token_optimization": int(version) != 3}).encode()


@pytest.mark.parametrize(
    ("mounted", "follows", "secrets", "in_force", "on"),
    [
        ("2", True, Secrets(None), "2", True),
        ("2", True, Secrets(3), "3", False),
        ("2", False, Secrets(3), "2", True),
        ("2", True, Secrets(3, 3), "2", True),
        ("3", True, Secrets(2), "3", False),
        ("2", True, Secrets(2), "2", True),
    ],
    ids=[
        "no alias",
        "follows",
        "does not follow",
        "alias cannot be read",
        "newer than the alias",
        "the same",
    ],
)
def test_what_is_in_force_is_what_the_product_goes_by(
    monkeypatch: pytest.MonkeyPatch, mounted: str, follows: bool, secrets: Any, in_force: str, on: bool
) -> None:
    nothing: Any = None
    store = ConfigurationStore(opened(FakeLedger()), "production", nothing, "google_cloud_default")
    store.secrets = secrets
    monkeypatch.setattr(store, "_mounted", lambda: {"feature-flags": (mounted, follows)})
    running = store.running()
    found = running["feature-flags"]
    assert (found.version, found.in_force, found.content) == (mounted, in_force, {"token_optimization": on})
    flag = [change for change in store.changes(running) if change.document == "feature-flags"]
    assert [(change.before, change.after) for change in flag] == ([] if on else [("false", "true")])


def test_a_latest_that_is_disabled_is_in_force_and_stops_all_but_the_fix_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing: Any = None
    store = ConfigurationStore(opened(FakeLedger()), "production", nothing, "google_cloud_default")
    secrets: Any = Secrets(None, 3)
    store.secrets = secrets
    monkeypatch.setattr(store, "_mounted", lambda: {"feature-flags": ("latest", False)})
    with pytest.raises(SecretUnavailable, match="version latest: is DISABLED"):
        store.running_enabled(stable_is_broken=False)
    found = store.running_enabled(stable_is_broken=True)["feature-flags"]
    assert (found.in_force, found.state, found.content) == ("3", "DISABLED", None)
