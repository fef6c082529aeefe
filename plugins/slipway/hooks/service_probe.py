"""Service probe hook: which revision answers at a service's URL, as its users reach it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import httpx
from airflow.sdk import BaseHook

from slipway.hooks.deadline import Deadline

UNNAMED = "(no revision named)"


class ServiceProbeHook(BaseHook):
    """Sends requests to a service and counts them by the revision that answers."""

    def count_by_revision(
        self,
        url: str,
        *,
        path: str,
        header: str,
        requests: int,
        timeout: float,
        deadline: Deadline,
        headers: Mapping[str, str] | None = None,
    ) -> Counter[str]:
        """Send requests, and count which revision answers each.

        Cookies are not kept: with session affinity they would tie every request to the first one's revision.
        A request that is not answered, or whose answer names nobody, counts under :data:`UNNAMED`.

        :param url: base URL of the service.
        :param path: path of the request.
        :param header: header in which the service names its revision.
        :param requests: how many to send, one after the other.
        :param timeout: bound of one request, in seconds.
        :param deadline: once it has passed, a request without an answer is the last one.
        :param headers: sent with each, such as who calls.
        :return: requests by revision, those without a named one under :data:`UNNAMED`.
        """
        counts: Counter[str] = Counter()
        with httpx.Client(
            base_url=url, timeout=timeout, trust_env=False, headers=dict(headers or {})
        ) as client:
            for _ in range(requests):
                try:
                    answer = client.get(path)
                except httpx.HTTPError as error:
                    self.log.info("No answer from %s%s: %s", url, path, error)
                    counts[UNNAMED] += 1
                    if deadline.passed:
                        break
                else:
                    counts[answer.headers.get(header) or UNNAMED] += 1
                client.cookies.clear()
        return counts
