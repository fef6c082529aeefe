"""Whether a database's disk has room for its migrations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slipway.exceptions import DatabaseNotReady


def require_room(
    instance: str, tables: Sequence[str], *, disk: int, used: int, rewritten: int, minimum_free_percent: float
) -> dict[str, Any]:
    """Make sure that the policy's share of the disk is free, and room for the changed tables once more.

    :param instance: short name of the Cloud SQL instance.
    :param tables: tables that the migrations change.
    :param disk: size of the disk, in bytes.
    :param used: used of it, in bytes.
    :param rewritten: size of the changed tables, in bytes.
    :param minimum_free_percent: share of the disk that must be free, 0..100.
    :return: what was compared, in bytes.
    :raises DatabaseNotReady: when there is less room than that.
    """
    required = max(disk * minimum_free_percent / 100, rewritten)
    if disk - used < required:
        raise DatabaseNotReady(
            f"instance {instance}: {disk - used} bytes of {disk} are free, "
            f"{required:.0f} are needed ({minimum_free_percent:g} % of the disk, and {rewritten} "
            f"for {', '.join(tables) or 'no table'}); enlarge the disk, then try again"
        )
    return {"disk_bytes": disk, "used_bytes": used, "required_bytes": round(required)}
