"""What takes seconds to import: the scheduler imports it, and the tasks that it forks have it.

A change of the project's modules reaches the tasks with a restart of the scheduler, as a change of any
Airflow plugin does.
"""

from __future__ import annotations

import logging
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

#: What the DAG files and their tasks import of the project.
PACKAGES = (
    "slipway.task_groups",
    "slipway.operators",
    "slipway.sensors",
    "slipway.triggers",
    "slipway.release",
)
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


def import_for_tasks() -> None:
    """Import the libraries, Great Expectations included, and the project's modules."""
    for name in LIBRARIES:
        import_module(name)
    great_expectations()
    for name in PACKAGES:
        package = import_module(name)
        for module in walk_packages(package.__path__, f"{name}."):
            import_module(module.name)


def great_expectations() -> ModuleType:
    """Import Great Expectations without the hundreds of lines that it logs about itself on import.

    The import takes seconds; in a process whose parent has done it, it takes none.

    :return: the library.
    """
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    library = import_module("great_expectations")
    # The import gives this logger a level of its own.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    return library
