"""Policies on record, in the words of the version that wrote them.

A release keeps the policy that it was opened with, and is read again for years. Whoever renames or removes a
field raises ``Policy.format`` and adds a step here that says the same in the new words; a new field has a
default that changes nothing for those before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slipway.exceptions import PolicyError
from slipway.policy.release import FORMAT, Policy, parse_policy

Document = dict[str, Any]


def parse_recorded_policy(document: Mapping[str, Any], *, source: str) -> Policy:
    """Check a policy on record, whichever version of Slipway wrote it.

    :param document: the policy as plain data.
    :param source: where it came from, for messages.
    :raises PolicyError: when a newer version wrote it, or a field is wrong.
    """
    written = document.get("format", 1)
    if written not in range(1, FORMAT + 1):
        raise PolicyError(
            f"policy {source}: format={written!r}: this version of Slipway reads 1..{FORMAT}; "
            "use the one that wrote it, or a newer one"
        )
    recent = dict(document)
    for number in range(written, FORMAT):
        recent = {**_STEPS[number](recent), "format": number + 1}
    return parse_policy(recent, source=source)


def _last_window(document: Document) -> Document:
    """``trailing_seconds`` was the one window in which a late regression had to be over the trigger."""
    decision = dict(document["decision"])
    window = decision.pop("trailing_seconds", 375)
    compared = max(window, decision.get("comparison_seconds", 600))
    said = {"lately_seconds": window, "lost_seconds": window, "comparison_seconds": compared}
    return {**document, "decision": {**decision, **said}}


#: Format that a step starts from.
_STEPS: Mapping[int, Callable[[Document], Document]] = {1: _last_window}
