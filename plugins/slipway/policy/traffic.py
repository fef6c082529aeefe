"""Policy: how much of the declared traffic a phase must really get."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.policy.section import Seconds, Section


class TrafficShare(Section):
    """A phase is judged on the share of traffic that its policy declares.

    :param request_metric: metric whose events are the service's requests, at the new revision and at stable.
    :param tolerance_percent: how far the new revision's observed share of them may stay behind the declared
        one, as a percent of it: 50 allows 5 % of the requests where 10 % are declared.
    :param false_hold_probability: bound on holding a phase whose share is within the tolerance.
    :param baseline_window_seconds: window before a phase in which its traffic is measured, for the detection
        power of the phase.
    """

    request_metric: str
    tolerance_percent: Annotated[float, Field(gt=0, lt=100)]
    false_hold_probability: Annotated[float, Field(gt=0, lt=1)]
    baseline_window_seconds: Seconds
