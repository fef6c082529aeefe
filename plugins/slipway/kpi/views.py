"""The view ``kpi``: every KPI of every day, those over several days worked out when they are read.

What spans days is not stored: a day published later, or again, is in it at once, whatever the order.
"""

from __future__ import annotations

import hashlib

from slipway.kpi.warehouse import Warehouse
from slipway.sql import statement


def define(warehouse: Warehouse) -> list[str]:
    """Define the view, unless it is defined as it should be.

    :param warehouse: where to define it.
    :return: its name if it was defined now.
    """
    sql = statement("clickhouse/kpi_view", cluster=warehouse.cluster)
    mark = hashlib.sha256(sql.encode()).hexdigest()
    if (mark,) in warehouse.rows("clickhouse/kpi_view_mark"):
        return []
    warehouse.client.command(f"{sql}COMMENT '{mark}'")
    return ["kpi"]
