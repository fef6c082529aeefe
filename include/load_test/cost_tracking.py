"""Whether the costs that a user sees follow what the user's answers said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

_SUMS = ("cost_original_usd", "cost_usd")


@dataclass
class TrackedCosts:
    """The answers of one user, and what ``/v1/costs`` must say about them.

    :param within_seconds: an answer is in the costs at the latest so long after it.
    """

    within_seconds: float
    _answers: list[tuple[float, Mapping[str, Decimal]]] = field(default_factory=list)
    _unknown: int = 0
    _month: str | None = None

    def answered(self, answer: Mapping[str, Any], at: float) -> None:
        """Take note of an answer.

        :param answer: with its costs.
        :param at: moment it came, in s.
        """
        self._answers.append((at, {key: Decimal(answer[key]) for key in _SUMS}))

    def unanswered(self) -> None:
        """Take note of a request that may have been accounted for, without an answer that says so."""
        self._unknown += 1

    def mistake(self, costs: Mapping[str, Any], asked_at: float) -> str | None:
        """Return what is wrong with the costs, or None.

        :param costs: the answer of ``/v1/costs``.
        :param asked_at: moment it was asked for, in s.
        """
        if self._month not in (None, costs["month"]):
            # Which answers belong to which month is not known.
            self._answers, self._unknown = [], int(costs["requests"])
        self._month = costs["month"]
        due = sum(at <= asked_at - self.within_seconds for at, _ in self._answers)
        made, seen = len(self._answers), int(costs["requests"])
        if seen < due:
            return f"the costs show {seen} of {due} requests after {self.within_seconds:g} s"
        if seen > made + self._unknown:
            return f"the costs show {seen} requests of {made}"
        if seen == made and not self._unknown:
            for key in _SUMS:
                total = sum((costs_of[key] for _, costs_of in self._answers), Decimal(0))
                if Decimal(costs[key]) != total:
                    return f"{key} is {costs[key]}, the answers add up to {total}"
        return None
