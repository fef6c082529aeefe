"""Names of staging tables: each try of each run writes its own, so that two never write the same."""

from __future__ import annotations

import hashlib
import re

PREFIX = "stg_"
_LONGEST_RUN_PART = 80


def run_suffix(product: str, run_id: str) -> str:
    """Return the part of a staging table's name that belongs to a run, whatever its try.

    Characters that a table name cannot have become ``_``; a digest keeps different runs apart.

    :param product: the run's product: the nightly runs of all products have the same id.
    :param run_id: the run.
    :return: the part of the name.
    """
    readable = re.sub(r"[^A-Za-z0-9]+", "_", run_id)[:_LONGEST_RUN_PART]
    digest = hashlib.sha256(f"{product} {run_id}".encode()).hexdigest()[:8]
    return f"__{readable}_{digest}__try"


def staging_table(table: str, product: str, run_id: str, try_number: int) -> str:
    """Name the staging table of one try.

    :param table: the table it is shaped like.
    :param product: the run's product.
    :param run_id: the run.
    :param try_number: the try.
    :return: the name.
    """
    return f"{PREFIX}{table}{run_suffix(product, run_id)}{try_number}"
