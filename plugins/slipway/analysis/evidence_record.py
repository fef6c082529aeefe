"""The evidence of a phase, check by check: what a replay needs, and nothing else.

As plain data (JSON), with one row per check::

    {"format": 1, "method": 5, "phase": "canary", "metrics": ["error_rate", ...],
     "looks": [[at, [canary, stable], null, ...], ...]}

``canary`` and ``stable`` are ``[total, over_target, over_trigger]``, with zeros at the end left out;
``{"odd": "why"}`` where what arrived is no evidence, and ``{"unanswered": "why"}`` where the source did not
answer for the metric. null is a metric without events in either, false one that this check does not read: the
metrics of a later source have rows of their own; ``[at, "why"]`` is a check that the source
did not answer at all. Numbers are exact, so the replay's are too; an infinite level is the text ``inf``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway.analysis.counts import Counts
from slipway.analysis.method import CURRENT
from slipway.policy.release import PhaseName

FORMAT = 1

#: Counts per metric at one revision.
CountsByMetric = Mapping[str, Counts]


@dataclass
class EvidenceRecord:
    """Every check of a phase.

    :param phase: ``canary``, ``half`` or ``full``.
    :param metrics: keys of the metrics, in the order of the rows.
    :param method: number of the analysis that decided.
    """

    phase: PhaseName
    metrics: Sequence[str]
    rows: list[list[Any]] = field(default_factory=list)
    method: int = CURRENT.number

    def add(
        self,
        canary: CountsByMetric,
        stable: CountsByMetric,
        *,
        at: float,
        read: Collection[str] | None = None,
    ) -> None:
        """Keep a check.

        :param canary: increments at the new revision per metric.
        :param stable: increments at the stable revision per metric.
        :param at: seconds since the first check.
        :param read: the metrics that this check reads; None for all.
        """
        row: list[Any] = [at]
        for key in self.metrics:
            pair = [_packed(arm.get(key, Counts())) for arm in (canary, stable)]
            row.append(False if read is not None and key not in read else pair if any(pair) else None)
        self.rows.append(row)

    def add_unanswered(self, why: str, *, at: float) -> None:
        """Keep a check that the metrics source did not answer.

        :param why: the error, as in the decision's reason.
        :param at: seconds since the first check.
        """
        self.rows.append([at, why])

    def checks(self) -> Iterator[tuple[float, CountsByMetric | str, CountsByMetric]]:
        """Yield moment, canary and stable of each check, without the metrics that it does not read.

        Where the source did not answer, the reason stands in the canary's place.
        """
        for at, *pairs in self.rows:
            if isinstance(pairs[0], str):
                yield at, pairs[0], {}
                continue
            found: dict[str, Sequence[Any]] = {
                key: pair or ([], [])
                for key, pair in zip(self.metrics, pairs, strict=True)
                if pair is not False
            }
            canary, stable = ({key: _unpacked(pair[arm]) for key, pair in found.items()} for arm in (0, 1))
            yield at, canary, stable

    def as_payload(self) -> dict[str, Any]:
        """Return plain data for the ledger or a file."""
        return {
            "format": FORMAT,
            "method": self.method,
            "phase": self.phase,
            "metrics": list(self.metrics),
            "looks": self.rows,
        }

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> EvidenceRecord:
        """Read the payload of :meth:`as_payload`.

        :param payload: as it is on record.
        :raises ValueError: for another format, or a row that does not fit the metrics.
        """
        if payload.get("format") != FORMAT:
            raise ValueError(f"evidence record: format={payload.get('format')!r}: must be {FORMAT}")
        metrics = list(payload["metrics"])
        for number, row in enumerate(payload["looks"]):
            if isinstance(row[-1], str):
                continue
            if not metrics or len(row) != 1 + len(metrics):
                raise ValueError(
                    f"evidence record: check {number} has {len(row) - 1} metrics: must have {len(metrics)}"
                )
        return cls(
            payload["phase"], metrics, [list(row) for row in payload["looks"]], payload.get("method", 1)
        )


def _packed(counts: Counts) -> list[int | float | str] | dict[str, str]:
    reasons = {"odd": counts.odd, "unanswered": counts.unanswered}
    if any(reasons.values()):
        return {name: why for name, why in reasons.items() if why}
    values = [counts.total, counts.over_target, counts.over_trigger]
    while values and values[-1] == 0:
        values.pop()
    return [_plain(value) for value in values]


def _plain(value: float) -> int | float | str:
    if not math.isfinite(value):
        return repr(value)
    return int(value) if value == int(value) else value


def _unpacked(arm: Any) -> Counts:
    if isinstance(arm, dict):
        return Counts(**arm)
    return Counts(*(float(value) if isinstance(value, str) else value for value in arm))
