"""The assets that the DAGs announce, for others to depend on."""

from __future__ import annotations

from airflow.sdk import Asset

# The x- spares the DAG processor the search of every provider for a scheme that is ours alone.
KPI_DAILY = Asset(name="kpi_daily", uri="x-slipway://kpi/daily")
"""A day of KPIs was published; the event's partition key, or ``day`` in its extra, says which."""

RELEASE_PROMOTED = Asset(name="release_promoted", uri="x-slipway://release/promoted")
"""A release was promoted: the extra has ``product``, ``release``, ``version``, ``region`` and ``last``."""

TARGET_REVIEW = Asset(name="target_review", uri="x-slipway://kpi/target-review")
"""The business targets were reviewed on a published day."""
