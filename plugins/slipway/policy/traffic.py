"""Policy: how much of the declared traffic a phase must really get."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.policy.section import Seconds, Section


class TrafficShare(Section):
    """A phase is judged on the share of traffic that its policy declares.

    :param request_metric: metric whose events are the service's requests, at the new revision and at stable.
    :param tolerance_percent: percent of the new revision's requests that may be missing before the phase is
        held; one that is turned away may be in no count. With 10 it is held when it proves to have less than
        9.1 % of all requests where 10 % are declared, and 47.4 % where 50 % are. Session affinity, and
        connections that last for minutes, need more.
    :param false_hold_probability: bound on holding a phase that loses no more.
    :param baseline_window_seconds: window before a phase in which its traffic is measured, for the detection
        power of the phase.
    """

    request_metric: str
    tolerance_percent: Annotated[float, Field(gt=0, lt=100)]
    false_hold_probability: Annotated[float, Field(gt=0, lt=1)]
    baseline_window_seconds: Seconds
