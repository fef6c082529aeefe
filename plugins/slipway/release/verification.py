"""Whether the split that was set is the one that is served: asked with requests after a shift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tenacity

from slipway.analysis.served_split import requests_needed, wrong_shares
from slipway.hooks.deadline import Deadline
from slipway.hooks.service_probe import UNNAMED

if TYPE_CHECKING:
    from collections import Counter

    from slipway.hooks.service_probe import ServiceProbeHook
    from slipway.policy.serving import Verification

PAUSE_SECONDS = 1.0


def verify_split(
    probe: ServiceProbeHook,
    url: str,
    split: Mapping[str, int],
    rules: Verification,
    *,
    seconds: float,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Send requests until the split is seen to be served, or the time is over.

    Each round is judged by itself: what was served before the change got everywhere counts for nothing.

    :param probe: sends the requests.
    :param url: base URL of the service.
    :param split: percent by revision, in total 100.
    :param rules: the policy's.
    :param seconds: time after which the last round has begun.
    :param headers: sent with every request, such as who calls.
    :return: ``verdict``, ``reason``, ``counts`` of the last round and ``rounds``.
    """
    deadline = Deadline(seconds)
    requests = requests_needed(
        split, false_alarm=rules.false_alarm_probability, min_detectable_percent=rules.min_detectable_percent
    )

    def ask() -> tuple[Counter[str], list[str]]:
        counts = probe.count_by_revision(
            url,
            path=rules.path,
            header=rules.revision_header,
            requests=requests,
            timeout=rules.request_timeout_seconds,
            deadline=deadline,
            headers=headers,
        )
        return counts, _wrong(counts, split, rules, requests)

    rounds = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda found: bool(found[1])),
        stop=lambda _: deadline.passed,
        wait=lambda _: min(PAUSE_SECONDS, deadline.remaining),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    counts, wrong = rounds(ask)
    shown = ", ".join(f"{revision} {count}" for revision, count in sorted(counts.items()))
    return {
        "verdict": "rollback" if wrong else "promote",
        "reason": (
            f"the split {dict(split)} is not served after {rules.settle_seconds:g} s: {'; '.join(wrong)}"
            if wrong
            else f"the split is served: of {requests} requests {shown}"
        ),
        "counts": dict(counts),
        "rounds": rounds.statistics["attempt_number"],
    }


def _wrong(counts: Counter[str], split: Mapping[str, int], rules: Verification, requests: int) -> list[str]:
    named = {revision: count for revision, count in counts.items() if revision != UNNAMED}
    if not named:
        return [f"no answer to {rules.path} names its revision in {rules.revision_header}"]
    if counts.total() < requests:
        return [f"{counts[UNNAMED]} of {counts.total()} requests got no answer, the rest was not sent"]
    return wrong_shares(named, split, false_alarm=rules.false_alarm_probability)
