"""Audit lines: a sentence, with fields behind it that Airflow's masker leaves readable, and no secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from airflow.sdk._shared.secrets_masker import SecretsMasker
from airflow.sdk._shared.secrets_masker.secrets_masker import DEFAULT_SENSITIVE_FIELDS
from slipway.ledger.audit import audit, audit_entry, duration, shown, size
from slipway.ledger.entries import ChecklistItemChecked, LedgerEntry, SchemaMigrated

from tests.sample_entries import SAMPLES


class Log:
    """A logger that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, message: str, **fields: Any) -> None:
        self.lines.append((message, fields))


def masked(fields: dict[str, Any], *secrets: str) -> Any:
    """Return what Airflow's own masker leaves of a line's fields."""
    masker = SecretsMasker()
    masker.sensitive_variables_fields = list(DEFAULT_SENSITIVE_FIELDS)
    for secret in secrets:
        masker.add_mask(secret)
    return masker.redact(fields, max_depth=20)


def line(entry: LedgerEntry) -> tuple[str, dict[str, Any]]:
    log: Any = Log()
    audit_entry(log, "v1", entry, repeated=False)
    found: tuple[str, dict[str, Any]]
    (found,) = log.lines
    return found


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_line_is_the_sentence_with_the_fields_under_one_key_and_nothing_masked(sample: LedgerEntry) -> None:
    message, fields = line(sample)
    assert message == sample.sentence
    assert list(fields) == ["audit"]
    assert fields["audit"]["entry"] == sample.key
    assert masked(fields) == fields
    assert "***" not in str(masked(fields))


def test_the_fields_do_not_say_again_what_the_sentence_says() -> None:
    why = "back after 3 s"
    checked = ChecklistItemChecked(item="rollback_tested", title="Tested", passed=True, reason=why)
    message, fields = line(checked)
    assert why in message
    assert fields["audit"] == {"release": "v1", "entry": checked.key, "passed": True}
    log: Any = Log()
    audit_entry(log, "v1", checked, repeated=True)
    assert log.lines[0][1]["audit"]["repeated"] is True


def test_a_migration_named_after_tokens_is_readable() -> None:
    plain = {"present": {"0001_token_usage_tracking": ">=1.0.0"}}
    assert masked(plain) == {"present": {"0001_token_usage_tracking": "***"}}, "this is what is avoided"
    entry = SchemaMigrated(environment="staging", applied=(), present=plain["present"])
    assert masked(line(entry)[1])["audit"]["present"] == [
        {"name": "0001_token_usage_tracking", "value": ">=1.0.0"}
    ]


def test_a_secret_is_masked_wherever_it_stands() -> None:
    log: Any = Log()
    audit(log, "x", note="hunter22 was refused", edges={"password": ["hunter22"]}, password="other")
    found = masked(log.lines[0][1], "hunter22")
    assert "hunter22" not in str(found)
    assert found["audit"]["password"] == "***"
    assert found["audit"]["note"] == "*** was refused"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "at",
            datetime(2026, 3, 2, 11, 0, 7, 5, tzinfo=timezone(timedelta(hours=1))),
            "2026-03-02 10:00:07 UTC",
        ),
        ("until", datetime(2026, 3, 2, 10, tzinfo=UTC), "2026-03-02 10:00:00 UTC"),
        ("limit_seconds", 300, "5 min"),
        ("disk_bytes", 10 * 2**30, "10 GiB"),
        ("cost_reduction_percent", 21.214970140946765, "21.215 %"),
        ("latency_p95_ms", 235.898, "235.898 ms"),
        ("events", 1053, 1053),
        ("passed", True, True),
    ],
)
def test_values_have_units(name: str, value: Any, text: Any) -> None:
    assert shown(value, name) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (3.77, "3.77 s"), (40.0, "40 s"), (59.96, "1 min"), (90, "1 min 30 s"), (28800, "8 h"),
     (86400, "1 day"), (180061, "2 days 2 h 1 min 1 s")],
)  # fmt: skip
def test_durations_are_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_sizes_are_as_people_say_them() -> None:
    assert [size(number) for number in (0, 1023, 1024, 58_141_817)] == [
        "0 B",
        "1.02e+03 B",
        "1 KiB",
        "55.4 MiB",
    ]
