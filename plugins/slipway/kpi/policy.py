"""The rollup's numbers and sources, read from ``include/kpi/rollup.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationError

from slipway.exceptions import PolicyError
from slipway.paths import INCLUDE
from slipway.policy.errors import describe
from slipway.policy.section import Section
from slipway.yaml_text import parse_yaml

ROLLUP_POLICY = INCLUDE / "kpi" / "rollup.yaml"

# Both stand in statements as they are.
ProductName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
CollectionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class KpiSource(Section):
    """Where a product's KPIs come from.

    :param connection: Airflow connection to the product's database.
    :param collection: named collection in ClickHouse that leads to the same database.
    :param targets: file in ``include/policy`` with its business targets; None for none.
    """

    connection: str
    collection: CollectionName
    targets: str | None


class RollupPolicy(Section):
    """Which products are rolled up, and how the rollup treats what comes late.

    :param late_window_days: days before today whose source is compared with what was published.
    :param products: the sources by the name of the product's policy; ``kpi_rollup`` is the first one's.
    """

    late_window_days: Annotated[int, Field(ge=1, le=1000)]
    products: Annotated[Mapping[ProductName, KpiSource], Field(min_length=1)]

    def source(self, product: str) -> KpiSource:
        """Return where a product's KPIs come from.

        :param product: the name of its policy.
        :raises PolicyError: when it has no source.
        """
        if product not in self.products:
            raise PolicyError(
                f"{ROLLUP_POLICY.name}: no source of product {product}, have {', '.join(self.products)}: "
                "name its connection and collection under products"
            )
        return self.products[product]

    def dag_ids(self, first: str) -> dict[str, str]:
        """Return the DAG of each product.

        :param first: the DAG of the first product, after which the others are named.
        """
        return {
            product: f"{first}_{product}" if number else first for number, product in enumerate(self.products)
        }


def load_rollup_policy() -> RollupPolicy:
    """Read the file.

    :raises PolicyError: with one line for every field that is wrong.
    """
    try:
        return RollupPolicy.model_validate(parse_yaml(ROLLUP_POLICY.read_text()))
    except ValidationError as error:
        lines = "\n".join(f"{ROLLUP_POLICY.name}: {line}" for line in describe(error))
        raise PolicyError(lines) from None
