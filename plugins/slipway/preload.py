"""Libraries that take seconds to import: the scheduler does it once, and the tasks it forks have them."""

from __future__ import annotations

from importlib import import_module

from slipway.kpi.expectation_library import great_expectations

# Libraries alone: the project's own modules are imported by each task, so that a change is seen at once.
LIBRARIES = (
    "airflow.providers.clickhousedb.hooks.clickhouse",
    "airflow.providers.google.cloud.hooks.cloud_sql",
    "airflow.providers.google.common.hooks.base_google",
    "airflow.providers.postgres.hooks.postgres",
    "google.cloud.run_v2",
    "google.cloud.secretmanager_v1",
    "numpy",
)


def import_libraries() -> None:
    """Import them, Great Expectations included."""
    for name in LIBRARIES:
        import_module(name)
    great_expectations()
