"""Who may see the page: whoever may read the DAG of the releases in Airflow."""

from __future__ import annotations

from typing import Any

from slipway.ledger.plan import RELEASE_DAG


def readers_only() -> Any:
    """Return the application's dependency: 401 without a sign-in, 403 without the right to read."""
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends

    return Depends(requires_access_dag(method="GET", param_dag_id=RELEASE_DAG))
