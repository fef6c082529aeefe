"""Where the project's data files are, and where it keeps what it writes beside its databases."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

REPOSITORY = Path(__file__).resolve().parents[2]
INCLUDE = Path(os.environ.get("SLIPWAY_INCLUDE", REPOSITORY / "include"))


def object_folder(variable: str, name: str) -> ObjectStoragePath:
    """Return a folder of Airflow's object storage.

    :param variable: environment variable that names a folder or a bucket, such as ``gs://bucket/reports``,
        with the Airflow connection before an ``@``: ``gs://google_cloud_default@bucket/reports``.
    :param name: its name below ``AIRFLOW_HOME`` where the variable is not set.
    """
    from airflow.sdk import ObjectStoragePath

    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    named = os.environ.get(variable) or str(home / name)
    return ObjectStoragePath(named if "://" in named else Path(named).absolute().as_uri())
