"""Whether the evidence that a release to a later region inherits is enough to go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from slipway.analysis.verdict import Decision, Verdict


class Gate(Protocol):
    """The decision at the end of a phase."""

    @property
    def phase(self) -> str: ...

    @property
    def verdict(self) -> Verdict: ...

    @property
    def reason(self) -> str: ...


def judge_evidence(gates: Sequence[Gate], *, missing: Sequence[str], entries: int, source: str) -> Decision:
    """Decide whether a version is as well proven as in the region before.

    :param gates: the inherited decisions.
    :param missing: what has to be inherited and is not on record.
    :param entries: how many entries were inherited.
    :param source: the release to the region before.
    """
    if missing:
        return _decision(Verdict.ROLLBACK, f"not on record of release {source}: {', '.join(missing)}")
    refused = [
        f"gate/{gate.phase} is {gate.verdict}: {gate.reason}"
        for gate in gates
        if gate.verdict is not Verdict.PROMOTE
    ]
    if refused:
        return _decision(Verdict.ROLLBACK, f"of release {source}: {'; '.join(refused)}")
    return _decision(
        Verdict.PROMOTE,
        f"release {source} validated it in staging, prepared production and migrated the schema:"
        f" {entries} entries inherited",
    )


def _decision(verdict: Verdict, reason: str) -> Decision:
    return Decision(verdict, reason, [], 0)
