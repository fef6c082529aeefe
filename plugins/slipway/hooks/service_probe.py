"""The door to a service as its users reach it: who answers at its URL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
from airflow.sdk import BaseHook

from slipway.analysis.served_split import requests_needed, wrong_shares
from slipway.hooks.deadline import Deadline
from slipway.policy.serving import Verification

PAUSE_SECONDS = 1.0
UNNAMED = "(no revision named)"


class ServiceProbeHook(BaseHook):
    """Sends requests to a service and counts them by the revision that answers."""

    def observe(
        self,
        url: str,
        split: Mapping[str, int],
        rules: Verification,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send requests until the split asked for is seen to be served, or its time to settle is over.

        Each round is judged by itself: what was served before the change got everywhere counts for nothing.

        :param url: base URL of the service.
        :param split: percent by revision, in total 100.
        :param rules: what the policy asks for.
        :param headers: sent with every request, such as who calls.
        :return: ``verdict``, ``reason``, ``counts`` of the last round and ``rounds``.
        """
        deadline, rounds = Deadline(rules.settle_seconds), 0
        requests = requests_needed(
            split,
            false_alarm=rules.false_alarm_probability,
            min_detectable_percent=rules.min_detectable_percent,
        )
        while True:
            rounds += 1
            counts = self.count_by_revision(
                url,
                path=rules.path,
                header=rules.revision_header,
                requests=requests,
                timeout=rules.request_timeout_seconds,
                deadline=deadline,
                headers=headers,
            )
            named = {revision: count for revision, count in counts.items() if revision != UNNAMED}
            wrong = wrong_shares(named, split, false_alarm=rules.false_alarm_probability)
            if not named:
                wrong = [f"no answer to {rules.path} names its revision in {rules.revision_header}"]
            elif counts.total() < requests:
                wrong = [
                    f"{counts[UNNAMED]} of {counts.total()} requests got no answer, the rest was not sent"
                ]
            if not wrong or deadline.passed:
                break
            deadline.pause(PAUSE_SECONDS)
        shown = ", ".join(f"{revision} {count}" for revision, count in sorted(counts.items()))
        return {
            "verdict": "rollback" if wrong else "promote",
            "reason": (
                f"the split {dict(split)} is not served after {rules.settle_seconds:g} s: {'; '.join(wrong)}"
                if wrong
                else f"the split is served: of {requests} requests {shown}"
            ),
            "counts": dict(counts),
            "rounds": rounds,
        }

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
        """Count who answers.

        Cookies are not kept: with session affinity they would tie every request to the first one's revision.
        A request that is not answered, or whose answer names nobody, counts under :data:`UNNAMED`.

        :param url: base URL of the service.
        :param path: what is asked for.
        :param header: header in which the service names its revision.
        :param requests: how many to send, one after the other.
        :param timeout: bound of one request, in seconds.
        :param deadline: once it has passed, a request without an answer is the last one.
        :param headers: sent with each.
        """
        counts: Counter[str] = Counter()
        with httpx.Client(
            base_url=url, timeout=timeout, trust_env=False, headers=dict(headers or {})
        ) as client:
            for _ in range(requests):
                try:
                    answer = client.get(path)
                except httpx.HTTPError as error:
                    self.log.info("%s%s: no answer: %s", url, path, error)
                    counts[UNNAMED] += 1
                    if deadline.passed:
                        break
                else:
                    counts[answer.headers.get(header) or UNNAMED] += 1
                client.cookies.clear()
        return counts
