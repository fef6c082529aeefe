"""What every hook of a Google API shares: where the API is, and its clients.

The address is the one seam between Google's APIs and a stand-in for them: an extra of the Airflow connection.

A connection without the extra ``api_endpoints`` takes Google's stock path. With it, for example
``{"api_endpoints": {"run": "http://127.0.0.1:8081"}, "is_anonymous": true}``, the client talks to that
address, over REST when it is plain HTTP. Nothing else in the project knows that a stand-in exists.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar, Self

from airflow.providers.google.common.consts import CLIENT_INFO
from google.api_core.client_options import ClientOptions

from slipway.exceptions import SlipwayError


class GoogleEndpointMixin:
    """Let the connection's extra ``api_endpoints`` name the address of one Google API, and keep its clients.

    Comes before a ``GoogleBaseHook`` in the bases. Its user sets :attr:`endpoint_name`, the key of its API in
    the extra, such as ``run`` or ``sqladmin``; ``docs/google-cloud.md`` lists them.
    """

    endpoint_name: ClassVar[str]
    gcp_conn_id: str
    extras: dict[str, Any]

    @property
    def endpoint(self) -> str | None:
        """The address that the connection names for this API, or None for Google's own.

        :raises SlipwayError: when the extra is not a mapping, or the address would get credentials in clear.
        """
        endpoints = self.extras.get("api_endpoints") or {}
        if not isinstance(endpoints, Mapping):
            raise SlipwayError(
                f"connection {self.gcp_conn_id}: extra api_endpoints is a {type(endpoints).__name__};"
                ' make it an object such as {"run": "http://127.0.0.1:8081"}'
            )
        address = endpoints.get(self.endpoint_name)
        if address is None:
            return None
        if str(address).startswith("http://") and not self.extras.get("is_anonymous"):
            raise SlipwayError(
                f"connection {self.gcp_conn_id}: {address} is plain HTTP and would carry credentials in"
                " clear; use https://, or set the extra is_anonymous to true"
            )
        return str(address).rstrip("/")

    def get_client_options(self, api_endpoint_override: str | None = None) -> ClientOptions:
        """Return the client options, with the connection's address before any other.

        :param api_endpoint_override: the address to use when the connection names none.
        """
        if self.endpoint is not None:
            return ClientOptions(api_endpoint=self.endpoint)
        options: ClientOptions = super().get_client_options(api_endpoint_override)  # type: ignore[misc]
        return options

    def client_arguments(self, api_endpoint: str | None = None) -> dict[str, Any]:
        """Return the keyword arguments that every generated Google client takes.

        :param api_endpoint: the address to use when the connection names none, e.g. a regional one.
        """
        arguments: dict[str, Any] = {
            "credentials": self.get_credentials(),  # type: ignore[attr-defined]
            "client_info": CLIENT_INFO,
            "client_options": self.get_client_options(api_endpoint),
        }
        if self.endpoint is not None and self.endpoint.startswith("http://"):
            arguments["transport"] = "rest"
        return arguments

    @cached_property
    def _api_clients(self) -> dict[tuple[type, str | None], Any]:
        return {}

    def api_client(self, kind: type, api_endpoint: str | None = None) -> Any:
        """Return the hook's client of a kind, made with its first use.

        :param kind: class of the generated client.
        :param api_endpoint: the address to use when the connection names none, e.g. a regional one.
        """
        if (kind, api_endpoint) not in self._api_clients:
            self._api_clients[kind, api_endpoint] = kind(**self.client_arguments(api_endpoint))
        return self._api_clients[kind, api_endpoint]

    def close(self) -> None:
        """Close the channels of this hook's clients."""
        while self._api_clients:
            self._api_clients.popitem()[1].transport.close()

    @contextmanager
    def own_channel(self) -> Iterator[Self]:
        """Give a copy of this hook with channels of its own, for use in another thread."""
        twin = copy.copy(self)
        twin._api_clients = {}
        try:
            yield twin
        finally:
            twin.close()
