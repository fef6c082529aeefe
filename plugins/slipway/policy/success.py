"""What counts as a success of a release: the strategy's criteria, each with what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from slipway.policy.checklist import ItemName
from slipway.policy.section import Section

Area = Literal["technical", "business", "quality"]
AREAS: Sequence[Area] = get_args(Area)


class SuccessCriterion(Section):
    """One criterion: met when all that it rests on holds, open when some of that is not on record.

    :param title: the criterion as the strategy calls it.
    :param metrics: keys of the metrics that must be at their targets.
    :param suites: keys of the test suites that must reach their share.
    :param items: items of the checklist before the deployment.
    :param lines: titles of the checklist during and after the deployment.
    :param served_throughout: whether the requests that were made after every shift of the traffic must have
        been answered by the revisions that were meant.
    """

    title: str
    metrics: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    items: tuple[ItemName, ...] = ()
    lines: tuple[str, ...] = ()
    served_throughout: bool = False


class Success(Section):
    """The criteria by their area.

    :param technical: the platform works.
    :param business: its value arrives.
    :param quality: it is as good as before, or better.
    """

    technical: tuple[SuccessCriterion, ...] = ()
    business: tuple[SuccessCriterion, ...] = ()
    quality: tuple[SuccessCriterion, ...] = ()

    @property
    def by_area(self) -> Mapping[Area, tuple[SuccessCriterion, ...]]:
        """The criteria by area, in the strategy's order."""
        return {"technical": self.technical, "business": self.business, "quality": self.quality}
