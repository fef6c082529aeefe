"""Libraries that take seconds to import: the scheduler imports them, and the tasks it forks have them."""

from __future__ import annotations

import logging
from importlib import import_module
from types import ModuleType

# Libraries alone: the project's own modules are imported by each task, so that a change is seen at once.
LIBRARIES = (
    "airflow.providers.clickhousedb.hooks.clickhouse",
    "airflow.providers.google.cloud.hooks.cloud_sql",
    "airflow.providers.google.common.hooks.base_google",
    "airflow.providers.postgres.hooks.postgres",
    "google.cloud.run_v2",
    "google.cloud.secretmanager_v1",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "numpy",
)


def import_libraries() -> None:
    """Import them, Great Expectations included."""
    for name in LIBRARIES:
        import_module(name)
    great_expectations()


def great_expectations() -> ModuleType:
    """Import Great Expectations without the hundreds of lines that it logs about itself on import.

    The import takes seconds; in a process whose parent has done it, it takes none.

    :return: the library.
    """
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as library

    # The import gives this logger a level of its own.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    return library
