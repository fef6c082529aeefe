"""The SQL that reads entries names the keys and fields of the models."""

from __future__ import annotations

import re

from slipway.ledger.entries import (
    KINDS,
    IncidentReported,
    ReleaseClosed,
    ReleaseReconciled,
    TrafficRestored,
    TrafficShifted,
)
from slipway.ledger.plan import PlannedService, ReleasePlan
from slipway.paths import INCLUDE

EXTRACT = "kpi/stage/release_extract.sql"
INCIDENTS = ("kpi/stage/bad_revision.sql", "kpi/late/differing_days.sql")
PREFIXES = sorted({kind.KEY.partition("/")[0] for kind in KINDS})


def text(name: str) -> str:
    return (INCLUDE / "sql" / name).read_text()


def test_only_these_statements_name_keys_of_entries() -> None:
    named = re.compile(rf"'\^?({'|'.join(PREFIXES)})(/|')")
    reading = [path for path in (INCLUDE / "sql").rglob("*.sql") if "FROM ledger_entry" in path.read_text()]
    found = {str(path.relative_to(INCLUDE / "sql")) for path in reading if named.search(path.read_text())}
    assert found == {EXTRACT, *INCIDENTS}


def test_the_fields_of_an_incident_are_the_models() -> None:
    for name in INCIDENTS:
        assert f"key = '{IncidentReported.KEY}'" in text(name)
        used = set(re.findall(r"payload ->>? '(\w+)'", text(name)))
        assert used <= IncidentReported.model_fields.keys()
        assert {"began_at", "ended_at"} <= used


def test_the_keys_of_a_phase_are_the_progressive_services() -> None:
    (pattern,) = re.findall(r"key ~ '([^']+)'", text(EXTRACT))
    assert re.search(pattern, TrafficShifted.key_of(phase="canary"))
    assert not re.search(pattern, TrafficShifted.key_of(phase="full", component="auth"))
    (prefix,) = re.findall(r"key LIKE '([^']+)%'", text(EXTRACT))
    assert TrafficShifted.KEY.startswith(prefix)


def test_a_phase_ends_with_what_restores_the_traffic_or_the_release() -> None:
    (listed,) = re.findall(r"key IN \(([^)]+)\)", text(EXTRACT))
    assert set(re.findall(r"'([^']+)'", listed)) == {
        TrafficRestored.key_of(),
        ReleaseReconciled.KEY,
        ReleaseClosed.KEY,
    }


def test_the_plans_fields_are_the_models() -> None:
    assert "plan -> 'services'" in text(EXTRACT)
    assert "services" in ReleasePlan.model_fields
    used = set(re.findall(r"service\.value ->>? '(\w+)'", text(EXTRACT)))
    assert used == {"names", "revisions", "progressive"}
    assert used <= PlannedService.model_fields.keys()
