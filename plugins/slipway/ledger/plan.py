"""What one release is going to do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from slipway.policy.release import EnvironmentName

#: The DAG whose runs carry releases out.
RELEASE_DAG = "release"
ROLLBACK_DAG = "rollback"
WATCHDOG_DAG = "release_watchdog"
VERSION_PATTERN = r"^[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9]+)*$"


class PlannedService(BaseModel):
    """One service of a release.

    :param image: repository with digest, ``host/name@sha256:…``: deployed whatever the tag says later.
    :param names: Cloud Run service name per environment.
    :param revisions: name of the new revision per environment.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str
    progressive: bool
    names: Mapping[EnvironmentName, str]
    revisions: Mapping[EnvironmentName, str]


class ReleasePlan(BaseModel):
    """A release that passed every check that can be made before anything changes.

    :param release_id: short and unique, such as ``v1-1-0-3f9a``; part of every revision's name.
    :param run_id: the Airflow run that carries the release out.
    :param stable_is_broken: the version that serves is the broken one; this release is judged on its own.
    :param leave_out_newest: release although somebody deployed something else after what serves.
    :param release_again: release the version although it was rolled back before.
    :param outside_windows: begin production outside the release windows, once somebody else approves it.
    :param follows: release of the same version to the region before, whose evidence this one inherits; None
        for the first region.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    release_id: str
    run_id: str
    version: str
    policy_name: str
    stable_is_broken: bool = False
    leave_out_newest: bool = False
    release_again: bool = False
    outside_windows: bool = False
    follows: str | None = None
    services: Mapping[str, PlannedService]

    @property
    def progressive(self) -> PlannedService:
        """The service whose evidence decides."""
        return next(service for service in self.services.values() if service.progressive)


def release_id(version: str, run_id: str) -> str:
    """Name a release: the same run always gets the same name, so that a retry finds its own work.

    :param version: semantic version.
    :param run_id: Airflow run id.
    :return: such as ``v1-1-0-3f9a1c``.
    """
    return f"v{re.sub('[^a-z0-9]', '-', version)}-{hashlib.sha256(run_id.encode()).hexdigest()[:6]}"
