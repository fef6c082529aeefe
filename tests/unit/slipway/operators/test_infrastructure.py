"""A release over an unsound infrastructure is refused by name, or the finding goes on record with it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from slipway.analysis.infrastructure import InfrastructureLine
from slipway.exceptions import InfrastructureUnsound
from slipway.ledger.entries import InfrastructureChecked
from slipway.operators import infrastructure
from slipway.operators.infrastructure import CheckInfrastructureOperator

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import context_of, requested, using

SOUND = InfrastructureLine("cloud_sql", "db", "sound", "RUNNABLE, REGIONAL")
WARNED = InfrastructureLine("clickhouse", "netra", "degraded", "a", "1 of 2 servers answer")
REFUSED = InfrastructureLine("cloud_sql", "db", "degraded", "ZONAL", "has no standby", refuses=True)


def check(monkeypatch: pytest.MonkeyPatch, ledger: FakeLedger, *lines: InfrastructureLine) -> Any:
    class Reader:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def lines(self) -> list[InfrastructureLine]:
            return list(lines)

    monkeypatch.setattr(infrastructure, "InfrastructureReader", Reader)
    task = CheckInfrastructureOperator(task_id="check_infrastructure", validated=requested("run").as_xcom())
    return using(task, ledger).execute(context_of())


def test_a_warning_goes_on_with_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(monkeypatch, FakeLedger(), SOUND, WARNED)
    assert found == [asdict(SOUND), asdict(WARNED)]
    entry = InfrastructureChecked(lines=tuple(found))
    assert entry.lines == (SOUND, WARNED)
    assert entry.sentence == "Infrastructure checked: 1 of 2 sound. ClickHouse netra: 1 of 2 servers answer"


def test_a_refusal_names_everything_that_the_policy_refuses_over(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = FakeLedger()
    with pytest.raises(InfrastructureUnsound, match=r"^Cloud SQL db: has no standby$"):
        check(monkeypatch, ledger, REFUSED, WARNED)
    refused = ledger.refused.of_run("run")
    assert refused is not None
    assert refused.reasons == {"check_infrastructure": "Cloud SQL db: has no standby"}


def test_a_policy_that_names_no_part_checks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(monkeypatch, FakeLedger()) == []
    assert InfrastructureChecked(lines=()).sentence.startswith("Infrastructure not checked")
