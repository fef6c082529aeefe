"""The bakes of a phase, as the ledger knows them.

There is one, unless the phase was frozen: then it needs a decision, and a person may bake it on. Every round
has its own evidence and verdict on record, and the person's answer stands between two of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from slipway.ledger.chain import Record
from slipway.ledger.entries import BakeAnswered, PhaseBaked
from slipway.policy.release import PhaseName


@dataclass(frozen=True)
class Bake:
    """One bake of a phase.

    :param phase: ``canary``, ``half`` or ``full``.
    :param number: 1 for the first.
    """

    phase: PhaseName
    number: int = 1

    @property
    def title(self) -> str:
        """The phase, and which round of its bake where it is not the first."""
        return self.phase if self.number == 1 else f"{self.phase}, bake round {self.number}"


def current_bake(record: Record, phase: PhaseName) -> tuple[Bake, BakeAnswered | None]:
    """Return the bake that is under way or was the last, and the answer that it began with.

    :param record: everything on record of the release.
    :param phase: the phase.
    :return: the bake, and None for the first one.
    """
    began = None
    for number in itertools.count(1):
        bake = Bake(phase, number)
        answer = record.get(BakeAnswered, phase=phase, round=number)
        if answer is None or not answer.bake_on:
            break
        began = answer
    return bake, began


def recorded_bakes(record: Record, phase: PhaseName) -> Iterator[tuple[Bake, PhaseBaked]]:
    """Yield every bake of a phase that has a verdict.

    :param record: everything on record of the release.
    :param phase: the phase.
    """
    for number in itertools.count(1):
        verdict = record.get(PhaseBaked, phase=phase, round=number)
        if verdict is None:
            return
        yield Bake(phase, number), verdict
