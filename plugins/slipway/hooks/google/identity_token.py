"""Identity tokens of a Google connection: they say who calls to a Cloud Run service that asks."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from airflow.sdk.log import mask_secret
from google.auth import compute_engine, impersonated_credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from slipway.exceptions import IdentityUnavailable

#: Cloud Run checks this header first and takes it away: a service's own ``Authorization`` stays free.
HEADER = "X-Serverless-Authorization"
_LOOPBACK = ("127.0.0.1", "localhost")


class IdentityToken:
    """The identity token that a connection's account calls services with.

    :param gcp_conn_id: Airflow connection. An anonymous one has no identity, and calls with none.
    """

    def __init__(self, gcp_conn_id: str) -> None:
        self._gcp_conn_id = gcp_conn_id

    def for_service(self, url: str) -> str | None:
        """Return a token that Google signed for one service; None for an anonymous connection.

        It is good for an hour, and for this service alone: at the URLs of its tags too.

        :param url: the service's own URL, the token's audience.
        :raises IdentityUnavailable: when the account has no identity of its own, Google refuses, or the token
            would be sent in clear.
        """
        hook = GoogleBaseHook(gcp_conn_id=self._gcp_conn_id)
        if hook.extras.get("is_anonymous"):
            return None
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise IdentityUnavailable(f"{url}: an identity token is not sent in clear; use https://")
        try:
            identity = self._identity(hook.get_credentials(), url)
            identity.refresh(Request())
        except GoogleAuthError as failure:
            raise IdentityUnavailable(
                f"connection {self._gcp_conn_id}: no identity token for {url}: {failure}"
            ) from failure
        token = str(identity.token)
        mask_secret(token)
        return token

    def headers(self, url: str) -> dict[str, str]:
        """Return the header to send to a service; as :meth:`for_service`.

        :param url: the service's own URL.
        """
        token = self.for_service(url)
        return {} if token is None else {HEADER: f"Bearer {token}"}

    def _identity(self, credentials: Any, audience: str) -> Any:
        if isinstance(credentials, impersonated_credentials.Credentials):
            return impersonated_credentials.IDTokenCredentials(  # type: ignore[no-untyped-call]
                credentials, target_audience=audience, include_email=True
            )
        if isinstance(credentials, service_account.Credentials):
            return service_account.IDTokenCredentials(  # type: ignore[no-untyped-call]
                credentials.signer,
                credentials.service_account_email,
                credentials._token_uri,  # has no public name
                audience,
            )
        if isinstance(credentials, compute_engine.Credentials):
            return compute_engine.IDTokenCredentials(  # type: ignore[no-untyped-call]
                Request(), audience, use_metadata_identity_endpoint=True
            )
        raise IdentityUnavailable(
            f"connection {self._gcp_conn_id}: {type(credentials).__name__} cannot say who calls;"
            " name a service account in its impersonation_chain"
        )
