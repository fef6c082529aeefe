"""A source that changed is refused with what changed."""

from __future__ import annotations

from slipway.kpi.source_schema import drift, expected_schema

EXPECTED = {"usage": {"id": "uuid", "cost": "numeric(10,6)"}, "users": {"id": "uuid"}}


def test_the_same_source_is_fine() -> None:
    found = [("usage", "id", "uuid"), ("usage", "cost", "numeric(10,6)"), ("users", "id", "uuid")]
    assert drift(EXPECTED, found) == ([], [])


def test_every_difference_is_named() -> None:
    found = [("usage", "cost", "double precision"), ("usage", "note", "text"), ("other", "x", "text")]
    wrong, unknown = drift(EXPECTED, found)
    assert wrong == [
        'relation "users" does not exist',
        "usage.id (uuid) is gone",
        "usage.cost is double precision, not numeric(10,6)",
    ]
    assert unknown == ["usage.note"]


def test_the_repository_expects_what_it_reads() -> None:
    assert {"token_usage_tracking", "kpi_event", "users", "user_deletion"} <= set(expected_schema())
