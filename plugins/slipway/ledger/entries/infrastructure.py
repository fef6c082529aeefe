"""What production stands on, as it was found before a release."""

from __future__ import annotations

from typing import ClassVar

from slipway.analysis.infrastructure import InfrastructureLine
from slipway.ledger.entries.base import LedgerEntry


class InfrastructureChecked(LedgerEntry):
    """The parts of the infrastructure were read before the release was opened.

    :param lines: a line for everything that was checked.
    """

    KEY: ClassVar[str] = "infrastructure"
    WRITER: ClassVar[str] = "OpenReleaseOperator"

    lines: tuple[InfrastructureLine, ...]

    @property
    def refusals(self) -> tuple[str, ...]:
        """What the policy refuses the release over."""
        return tuple(line.sentence for line in self.lines if line.refuses)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not sound, and the policy does not refuse over."""
        return tuple(line.sentence for line in self.lines if line.problem and not line.refuses)

    @property
    def sentence(self) -> str:
        """How many are sound, and what is wrong with the others."""
        if not self.lines:
            return "Infrastructure not checked: the policy names no part of it"
        wrong = [line.sentence for line in self.lines if line.problem]
        sound = f"Infrastructure checked: {len(self.lines) - len(wrong)} of {len(self.lines)} sound"
        return f"{sound}. {'; '.join(wrong)}" if wrong else sound
