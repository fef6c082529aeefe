"""What the operators of the rollup have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator

from slipway.kpi.policy import KpiSource, load_rollup_policy
from slipway.kpi.warehouse import CLICKHOUSE_CONNECTION

DAY = "{{ dag_run.partition_key or params.day }}"


class WarehouseOperator(BaseOperator):
    """Base of the operators that work in ClickHouse.

    :param clickhouse_conn_id: the ClickHouse connection; its database is where the tables live.
    """

    def __init__(self, *, clickhouse_conn_id: str = CLICKHOUSE_CONNECTION, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clickhouse_conn_id = clickhouse_conn_id


class ProductOperator(WarehouseOperator):
    """Base of the operators that work for one product.

    :param product: the name of its policy.
    """

    def __init__(self, *, product: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.product = product

    @property
    def source(self) -> KpiSource:
        """Where the product's KPIs come from.

        :raises PolicyError: when the product has no source.
        """
        return load_rollup_policy().source(self.product)


class DayOperator(ProductOperator):
    """Base of the operators that work on the staged tables of one UTC day of a product.

    :param inputs: what earlier stages returned, by any name (templated): table to staging table each.
    :param day: the UTC day, ``YYYY-MM-DD`` (templated).
    """

    template_fields: Sequence[str] = ("day", "inputs")

    def __init__(self, *, inputs: Mapping[str, Any] | None = None, day: str = DAY, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inputs = inputs or {}
        self.day = day

    def staged(self) -> dict[str, str]:
        """Return the staging table of every table that earlier stages filled."""
        return {table: staging for stage in self.inputs.values() for table, staging in stage.items()}
