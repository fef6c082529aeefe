"""Memorystore hook: Redis instances, read only."""

from __future__ import annotations

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.api_core import exceptions as google_errors
from google.cloud.redis_v1 import CloudRedisClient

from slipway.analysis.infrastructure import RedisFacts
from slipway.exceptions import CacheUnreadable
from slipway.hooks.google.calls import bounded, reported_as
from slipway.hooks.google.endpoint import GoogleEndpointMixin


class MemorystoreHook(GoogleEndpointMixin, GoogleBaseHook):
    """Reads Memorystore for Redis.

    :param gcp_conn_id: Airflow connection; its extra ``api_endpoints.redis`` may name another address.
    """

    endpoint_name = "redis"

    def facts(self, *, project_id: str, location: str, instance: str) -> RedisFacts | None:
        """Read an instance; None when there is none of this name.

        :param project_id: Google Cloud project.
        :param location: its region.
        :param instance: short name.
        :raises CacheUnreadable: when Memorystore refuses, or gives no usable answer.
        """
        name = f"projects/{project_id}/locations/{location}/instances/{instance}"
        with reported_as(CacheUnreadable, f"Redis instance {name}: cannot be read"):
            try:
                found = self.api_client(CloudRedisClient).get_instance(name=name, **bounded())
            except google_errors.NotFound:
                return None
        return RedisFacts(state=found.state.name, tier=found.tier.name, replicas=int(found.replica_count))
