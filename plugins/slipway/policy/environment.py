"""Policy: where an environment runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from slipway.policy.section import Section

_REGION = re.compile(r"[a-z]+(-[a-z]+)+[0-9]{1,2}")


def _is_region(name: str) -> str:
    if not _REGION.fullmatch(name):
        raise ValueError("must be a region such as us-central1")
    return name


Region = Annotated[str, AfterValidator(_is_region)]


class DatabaseReference(Section):
    """How the revisions of a service find the database: at least one of these.

    :param secret_variable: variable that mounts a secret with the database's URL, which names the instance by
        its address or by its connection name.
    :param instance_variable: variable whose value is the instance's connection name.
    :param cloud_sql_volume: whether Cloud Run itself connects to the instance (the annotation
        ``run.googleapis.com/cloudsql-instances``, a volume in version 2 of the API).
    """

    secret_variable: str | None = None
    instance_variable: str | None = None
    cloud_sql_volume: bool = False

    @model_validator(mode="after")
    def _names_one(self) -> DatabaseReference:
        if not (self.secret_variable or self.instance_variable or self.cloud_sql_volume):
            raise ValueError("must name secret_variable, instance_variable or cloud_sql_volume")
        return self


class Database(Section):
    """A Cloud SQL instance and the Airflow connection to its database.

    :param found_by: by key of each service that uses the database, how it finds it: the tier restore switches
        these services to the restored instance. Left out, that tier is refused.
    """

    instance: str
    connection: str
    found_by: Mapping[str, DatabaseReference] = {}


class Environment(Section):
    """Where one environment runs.

    :param location: the region that a release works in. A policy file leaves it out where it has ``regions``.
    :param regions: where the environment runs, in the order in which a version is released to them; left out,
        it is ``location`` alone.
    :param database: left out, the product has none.
    :param secret_prefix: configuration document ``x`` is the secret ``<secret_prefix>-x``; needed where the
        policy has documents.
    :param tag: the traffic tag under which a new revision is reachable before it has traffic.
    :param workers_inside: whether Airflow's workers run inside the network, where services with internal
        ingress answer them.
    """

    project_id: str
    location: Region
    regions: Annotated[tuple[Region, ...], Field(min_length=1)]
    database: Database | None = None
    secret_prefix: str | None = None
    tag: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,45}$")]
    workers_inside: bool = False

    @model_validator(mode="before")
    @classmethod
    def _one_region_or_several(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        if "regions" not in given and "location" in given:
            return {**given, "regions": [given["location"]]}
        if "location" not in given and isinstance(given.get("regions"), list | tuple) and given["regions"]:
            return {**given, "location": given["regions"][0]}
        return given

    @model_validator(mode="after")
    def _regions_in_order(self) -> Environment:
        twice = next((name for name in self.regions if self.regions.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"regions={', '.join(self.regions)}: {twice} is there twice; name it once")
        if self.location not in self.regions:
            raise ValueError(
                f"location={self.location}: must be one of regions ({', '.join(self.regions)}); leave it out,"
                " then it is the first of them"
            )
        return self

    def secret(self, document: str) -> str:
        """Return the name of the secret that holds a configuration document."""
        return f"{self.secret_prefix}-{document}"


class LoadBalancer(Section):
    """The external load balancer in front of production.

    :param backend_services: service to the global backend service whose serverless network endpoint groups
        lead to it, one for every region.
    """

    backend_services: Annotated[Mapping[str, str], Field(min_length=1)]
