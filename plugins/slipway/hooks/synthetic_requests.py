"""Synthetic requests hook: sends the requests of a journey, marked as synthetic."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx
from airflow.sdk.bases.hook import BaseHook

from slipway.policy.synthetic import SyntheticRequests


class SyntheticRequestsHook(BaseHook):
    """Sends a journey's requests without blocking, and forgets the answers: the product counts them.

    Cookies are not kept: with session affinity they would tie every request to the first one's revision.

    :param rules: the policy's.
    """

    def __init__(self, rules: SyntheticRequests) -> None:
        super().__init__()
        self._rules = rules
        self.sent = 0
        self.unanswered = 0

    async def __aenter__(self) -> Self:
        headers = {self._rules.header: "true"}
        if self._rules.connection is not None:
            connection = await self.aget_connection(self._rules.connection)
            headers["Authorization"] = f"Bearer {connection.password}"
        # It reads the certificates of every authority, which blocks.
        self._client = await asyncio.to_thread(
            httpx.AsyncClient, timeout=self._rules.timeout_seconds, headers=headers, trust_env=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, number: int, url: str, *, headers: Mapping[str, str]) -> None:
        """Send one request; one that is not answered is counted here, and by the product where it got there.

        :param number: 0 for the first request; after the last one of the journey comes its first.
        :param url: base URL that it goes to.
        :param headers: sent with it, such as who calls.
        """
        journey = self._rules.journey
        request = journey[number % len(journey)]
        self.sent += 1
        try:
            await self._client.request(
                request.method,
                f"{url}{request.path}",
                headers={**request.headers, **headers},
                json=request.body,
            )
        except httpx.HTTPError as error:
            self.unanswered += 1
            if self.unanswered == 1:
                self.log.info("No answer to a synthetic request to %s%s: %s", url, request.path, error)
        self._client.cookies.clear()
