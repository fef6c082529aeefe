"""Bearer tokens of a Google connection, for Google's services that have no generated client here."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

from slipway.exceptions import SlipwayError

GOOGLE_HOSTS = ("googleapis.com", "gcr.io", "pkg.dev")


def is_google(url: str) -> bool:
    """Whether a URL's host is Google's, and reached over TLS: the only place a token is ever sent to."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "https" and any(host == name or host.endswith(f".{name}") for name in GOOGLE_HOSTS)


class GoogleToken:
    """The current access token of a Google connection, renewed when it has run out.

    :param gcp_conn_id: Airflow connection.
    """

    def __init__(self, gcp_conn_id: str) -> None:
        self._gcp_conn_id = gcp_conn_id
        self._hook: GoogleBaseHook | None = None

    def headers(self, url: str, error: type[SlipwayError]) -> dict[str, str]:
        """Return the header to send to ``url``: none unless it is Google's and the connection has an account.

        :param url: where the request goes.
        :param error: class to raise when there is no token to be had.
        """
        if not is_google(url):
            return {}
        if self._hook is None:
            self._hook = GoogleBaseHook(gcp_conn_id=self._gcp_conn_id)
        if self._hook.extras.get("is_anonymous"):
            return {}
        try:
            credentials = self._hook.get_credentials()
            if not credentials.valid:
                credentials.refresh(Request())  # type: ignore[no-untyped-call]
        except GoogleAuthError as failure:
            raise error(f"connection {self._gcp_conn_id}: no access token for {url}: {failure}") from failure
        return {"Authorization": f"Bearer {credentials.token}"}
