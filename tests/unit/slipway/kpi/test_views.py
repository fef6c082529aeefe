"""The view ``kpi`` is defined when it is not there as it should be."""

from __future__ import annotations

import re

import pytest
from slipway.kpi import views
from slipway.kpi.warehouse import Warehouse

from tests.unit.slipway.kpi.clients import FakeClient


def defined() -> str:
    """Define the view; return its statement."""
    client = FakeClient()
    assert views.define(Warehouse(client)) == ["kpi"]
    (sql,) = client.commands
    return sql


def test_it_is_defined_once_and_again_when_it_changed() -> None:
    (mark,) = re.findall(r"\nCOMMENT '([0-9a-f]{64})'$", defined())
    assert views.define(Warehouse(FakeClient({"system.tables": [(mark,)]}))) == []
    assert views.define(Warehouse(FakeClient({"system.tables": [("0" * 64,)]}))) == ["kpi"]


@pytest.mark.parametrize(("cluster", "head"), [(None, "kpi\n("), ("netra", "kpi ON CLUSTER 'netra'\n(")])
def test_it_is_on_every_server(cluster: str | None, head: str) -> None:
    client = FakeClient()
    views.define(Warehouse(client, cluster))
    assert client.commands[0].startswith(f"CREATE OR REPLACE VIEW {head}")
