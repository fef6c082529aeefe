"""Have ClickHouse's named collections lead where the Airflow connections lead."""

from __future__ import annotations

import argparse

from airflow.sdk import BaseHook

from slipway.kpi.named_collections import (
    LEDGER_COLLECTION,
    SOURCE_COLLECTION,
    SOURCE_CONNECTION,
    define_collection,
)
from slipway.kpi.warehouse import CLICKHOUSE_CONNECTION, open_warehouse
from slipway.ledger.store import LEDGER_CONNECTION


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--source",
        default=SOURCE_CONNECTION,
        help="connection to the product's database; reading is enough (default: %(default)s)",
    )
    parser.add_argument(
        "--ledger",
        default=LEDGER_CONNECTION,
        help="connection to the ledger's database; reading is enough (default: %(default)s)",
    )
    parser.add_argument("--warehouse", default=CLICKHOUSE_CONNECTION, help="(default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Define both collections, and print where each leads."""
    leads = {SOURCE_COLLECTION: arguments.source, LEDGER_COLLECTION: arguments.ledger}
    with open_warehouse(arguments.warehouse) as warehouse:
        for name, connection_id in leads.items():
            connection = BaseHook.get_connection(connection_id)
            define_collection(warehouse.client, name, connection)
            print(f"{name} leads to {connection.host}/{connection.schema}, as the connection {connection_id}")
    return 0
