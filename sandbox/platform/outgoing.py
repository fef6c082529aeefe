"""Clients for requests to other services.

They share what they trust, read while this is imported: to read it takes a fifth of a container's start, and
containers are forked from a process that has imported everything.
"""

from __future__ import annotations

import httpx

_TRUSTED = httpx.create_ssl_context(trust_env=False)


def open_client(timeout: float, base_url: str = "") -> httpx.AsyncClient:
    """Open a client, which is to be closed.

    :param timeout: of a request, in seconds.
    :param base_url: what the paths of its requests are below.
    """
    return httpx.AsyncClient(base_url=base_url, timeout=timeout, trust_env=False, verify=_TRUSTED)
