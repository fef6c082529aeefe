"""Have ClickHouse's named collections lead where the Airflow connections lead."""

from __future__ import annotations

import argparse

from airflow.sdk import BaseHook

from slipway.kpi.named_collections import LEDGER_COLLECTION, define_collection
from slipway.kpi.policy import load_rollup_policy
from slipway.kpi.warehouse import CLICKHOUSE_CONNECTION, open_warehouse
from slipway.ledger.store import LEDGER_CONNECTION


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--ledger",
        default=LEDGER_CONNECTION,
        help="connection to the ledger's database; reading is enough (default: %(default)s)",
    )
    parser.add_argument("--warehouse", default=CLICKHOUSE_CONNECTION, help="(default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Define a collection for each product's source and the ledger's, and print where each leads."""
    sources = load_rollup_policy().products.values()
    leads = {source.collection: source.connection for source in sources} | {
        LEDGER_COLLECTION: arguments.ledger
    }
    with open_warehouse(arguments.warehouse) as warehouse:
        for name, connection_id in leads.items():
            connection = BaseHook.get_connection(connection_id)
            define_collection(warehouse.client, name, connection)
            print(f"{name} leads to {connection.host}/{connection.schema}, as the connection {connection_id}")
    return 0
