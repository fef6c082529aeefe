"""The schema on a cluster, read by ClickHouse's own parser. It is not run: that takes a Keeper."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from slipway.kpi import migrations, views
from slipway.kpi.warehouse import Warehouse

from sandbox.supervisor.settings import Settings
from tests.servers import open_clickhouse

pytestmark = pytest.mark.sandbox
DEFINITIONS = [text for migration in migrations.load() for text in migration.statements()]


class Recorder:
    """A client that runs nothing."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def command(self, cmd: str, parameters: Any = None) -> None:
        self.ran.append(cmd)

    def query(self, query: str, parameters: Any = None) -> Any:
        class Nothing:
            result_rows: tuple[Any, ...] = ()

        return Nothing()


@pytest.fixture(scope="module")
def parser(clickhouse_server: Settings) -> Iterator[Any]:
    """A client of ClickHouse, for its parser."""
    with closing(open_clickhouse(clickhouse_server, database="default")) as client:
        yield client


def test_clickhouse_reads_every_definition_as_one_for_a_cluster(parser: Any) -> None:
    recorder = Recorder()
    migrations.apply(recorder, migrations.load(), cluster="netra")
    views.define(Warehouse(recorder, cluster="netra"))
    definitions = [text for text in recorder.ran if not text.lstrip().startswith("INSERT")]
    assert len(definitions) > len(DEFINITIONS)
    for text in definitions:
        assert "ON CLUSTER 'netra'" in text
        tree = str(parser.command(f"EXPLAIN AST {text}"))
        assert "ReplicatedMergeTree" in tree or " = MergeTree" not in text
    whole = "\n".join(definitions)
    assert " MergeTree" not in whole
    for table in ("usage_fact", "kpi_daily", "target_review"):
        assert (
            f"CREATE TABLE IF NOT EXISTS {table}_all ON CLUSTER 'netra' AS {table} "
            f"ENGINE = Distributed('netra', currentDatabase(), '{table}')"
        ) in whole
    assert "usage_totals_all" not in whole
