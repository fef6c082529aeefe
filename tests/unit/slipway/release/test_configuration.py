"""What changes in the configuration is told key by key, and nothing that may be a secret is shown."""

from __future__ import annotations

import pytest
from slipway.ledger.entries import ConfigurationChange
from slipway.policy.configuration import Document
from slipway.release.configuration import changes, parse_payload, table

DOCUMENT = Document.model_validate(
    {
        "settings": {
            "BUDGET": {"type": "decimal", "unit": "usd", "minimum": "0", "maximum": "9", "value": "2.00"},
            "FLAG": {"type": "flag", "value": True, "on_rollback": False},
            "KEY": {"type": "secret"},
        }
    }
)


def found_in(running: dict[str, object] | None, *, rolled_back: bool = False) -> list[ConfigurationChange]:
    return changes("limits", DOCUMENT, running, rolled_back=rolled_back)


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


def test_a_rollback_is_compared_with_what_it_writes() -> None:
    (flag,) = found_in({"BUDGET": "2.00", "FLAG": True}, rolled_back=True)
    assert (flag.key, flag.before, flag.after) == ("FLAG", "true", "false")


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
