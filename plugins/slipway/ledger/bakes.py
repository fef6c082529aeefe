"""The watches of a phase, as the ledger knows them.

There is one, unless the phase was frozen: then a person is called, who may have it watched on. Every watch
has its own evidence and verdict on record, and the person's answer stands between two of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from slipway.policy.release import PhaseName


class Entries(Protocol):
    """The part of the ledger that is read here."""

    def entry(self, release_id: str, key: str) -> Mapping[str, Any] | None:
        """Return the payload of an entry, None when there is none."""


@dataclass(frozen=True)
class Bake:
    """One watch of a phase.

    :param phase: ``canary``, ``half`` or ``full``.
    :param number: 1 for the first.
    """

    phase: PhaseName
    number: int = 1

    @property
    def evidence_key(self) -> str:
        """Ledger key of every look."""
        return self._key("evidence")

    @property
    def verdict_key(self) -> str:
        """Ledger key of the verdict."""
        return self._key("baked")

    @property
    def answer_key(self) -> str:
        """Ledger key of what a person answered at its end."""
        return self._key("person")

    @property
    def title(self) -> str:
        """The phase, and which of its watches where it is not the first."""
        return self.phase if self.number == 1 else f"{self.phase}, watch {self.number}"

    def _key(self, what: str) -> str:
        return f"{what}/{self.phase}" if self.number == 1 else f"{what}/{self.phase}/{self.number}"


def current_bake(
    entries: Entries, release_id: str, phase: PhaseName
) -> tuple[Bake, Mapping[str, Any] | None]:
    """Return the watch that is under way or was the last, and the answer that it began with.

    :param entries: the ledger.
    :return: the watch, and None for the first one.
    """
    began = None
    for number in itertools.count(1):
        watch = Bake(phase, number)
        answer = entries.entry(release_id, watch.answer_key)
        if answer is None or not answer["watch_on"]:
            break
        began = answer
    return watch, began


def recorded_bakes(
    entries: Entries, release_id: str, phase: PhaseName
) -> Iterator[tuple[Bake, Mapping[str, Any] | None, Mapping[str, Any]]]:
    """Yield every watch of a phase that has a verdict, with its evidence and the verdict.

    :param entries: the ledger.
    """
    for number in itertools.count(1):
        watch = Bake(phase, number)
        verdict = entries.entry(release_id, watch.verdict_key)
        if verdict is None:
            return
        yield watch, entries.entry(release_id, watch.evidence_key), verdict


@dataclass(frozen=True)
class RecordedEntries:
    """A release's entries, read already.

    :param payloads: by their keys.
    """

    payloads: Mapping[str, Mapping[str, Any]]

    def entry(self, _release_id: str, key: str) -> Mapping[str, Any] | None:
        """Return the payload of an entry, None when there is none."""
        return self.payloads.get(key)
