"""The view ``kpi``: every KPI of every day, those over several days worked out when they are read.

What spans days is not stored: a day published later, or again, is in it at once, whatever the order.
"""

from __future__ import annotations

import hashlib

from slipway.kpi.cluster import Cluster
from slipway.kpi.warehouse import Warehouse
from slipway.sql import statement


def define(warehouse: Warehouse) -> list[str]:
    """Define the view, unless it is defined as it should be.

    :returns: its name if it was defined now.
    """
    sql = statement("clickhouse/kpi_view")
    mark = hashlib.sha256(sql.encode()).hexdigest()
    if (mark,) in warehouse.rows("clickhouse/kpi_view_mark"):
        return []
    marked = sql.replace("<mark>", mark)
    cluster = warehouse.cluster
    for text in [marked] if cluster is None else Cluster(cluster, frozenset()).statements(marked):
        warehouse.client.command(text)
    return ["kpi"]
