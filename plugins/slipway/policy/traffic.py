"""The part of the policy that says how much of the traffic a phase must really get."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.policy.section import Seconds, Section


class TrafficShare(Section):
    """What makes sure that a phase is judged on the traffic it was given.

    :param counted_by: metric whose events are the service's requests, at the new revision and at stable.
    :param tolerance_percent: how far the new revision's observed share of them may stay behind the declared
        one, as a percent of it: 50 allows 5 % of the requests where 10 % are declared.
    :param false_hold_probability: bound on holding a phase whose share is within the tolerance.
    :param forecast_seconds: traffic before a phase is measured over this time, to say what the phase can see.
    """

    counted_by: str
    tolerance_percent: Annotated[float, Field(gt=0, lt=100)]
    false_hold_probability: Annotated[float, Field(gt=0, lt=1)]
    forecast_seconds: Seconds
