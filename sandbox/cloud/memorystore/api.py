"""Memorystore for Redis, served to the official client: the instances that there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.cloud import redis_v1
from google.cloud.redis_v1.services.cloud_redis.transports.rest_base import _BaseCloudRedisRestTransport
from starlette.routing import Route

from sandbox.cloud import transcoding
from sandbox.cloud.api_errors import NotFoundError
from sandbox.supervisor.settings import HOST, LOCATION

PROJECT = "sandbox-production"


@dataclass(frozen=True)
class Instance:
    """An instance.

    :param project: project it belongs to.
    :param location: its region.
    :param tier: ``STANDARD_HA`` has a replica in another zone, ``BASIC`` has none.
    :param state: ``READY`` for one that serves.
    :param replicas: number of its replicas.
    """

    project: str = PROJECT
    location: str = LOCATION
    tier: str = "STANDARD_HA"
    state: str = "READY"
    replicas: int = 1


INSTANCES: Mapping[str, Instance] = {"netra-production-redis": Instance()}
"""The instances of the sandbox."""


class Memorystore:
    """Answers the one read that a release makes.

    :param port: of the Redis that all of them are.
    :param instances: the instances by short name.
    """

    def __init__(self, port: int, instances: Mapping[str, Instance] = INSTANCES) -> None:
        self._port = port
        self._instances = instances

    def routes(self) -> list[Route]:
        """Routes as the official client addresses them."""
        return transcoding.routes(
            _BaseCloudRedisRestTransport, {"GetInstance": (redis_v1.GetInstanceRequest, self._get)}
        )

    def _get(self, request: Any) -> redis_v1.Instance:
        for name, found in self._instances.items():
            resource = f"projects/{found.project}/locations/{found.location}/instances/{name}"
            if resource == request.name:
                return redis_v1.Instance(
                    name=resource,
                    host=HOST,
                    port=self._port,
                    tier=found.tier,
                    state=found.state,
                    replica_count=found.replicas,
                    memory_size_gb=1,
                    redis_version="REDIS_6_X",
                )
        raise NotFoundError(f"Resource '{request.name}' was not found")
