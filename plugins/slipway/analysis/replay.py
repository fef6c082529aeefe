"""Recomputes a phase's verdict from its record, under the release's own policy or another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.analysis.bake import BakeAnalysis
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.method import Method, method_of
from slipway.analysis.verdict import Cause, Decision
from slipway.policy.release import Policy

_DECISION = ("verdict", "seconds", "cause")
_FINDING = ("verdict", "cause", "observed", "events", "log_e", "advisory")


@dataclass(frozen=True)
class Replay:
    """Result of a replay.

    :param decision: the first verdict that ends the bake, or the last check's.
    :param is_complete: False when the policy would have baked on after the record ends: the verdict is open.
    :param missing: metrics of the policy that the record does not have; they are no evidence.
    :param same_method: whether the analysis is the one that decided; another one has e-values of its own.
    """

    decision: Decision
    is_complete: bool
    missing: Sequence[str]
    same_method: bool = True

    def differences(self, recorded: Mapping[str, Any]) -> list[str]:
        """Compare with the recorded verdict: decision, causes and numbers, not their wording.

        The e-values are compared where the same method decided.

        :param recorded: the decision's payload as it was recorded.
        :return: one line per difference; none when the verdict is the same. Of a bake that ended because
            somebody else changed a service, the findings up to then are compared.
        """
        replayed = self.decision.as_payload()
        if recorded.get("cause") == Cause.CHANGED and not self.is_complete:
            replayed |= {part: recorded.get(part) for part in _DECISION}
        compared = [part for part in _FINDING if part != "log_e" or self.same_method]
        return list(_differences(recorded, replayed, compared))


def _differences(
    recorded: Mapping[str, Any], replayed: Mapping[str, Any], compared: Sequence[str]
) -> Iterator[str]:
    yield from _parts("", _DECISION, recorded, replayed)
    before, now = ({finding["metric"]: finding for finding in of["findings"]} for of in (recorded, replayed))
    for metric in sorted(before.keys() | now.keys()):
        if metric not in before or metric not in now:
            yield f"{metric}: only {'replayed' if metric in now else 'recorded'}"
        else:
            yield from _parts(f"{metric} ", compared, before[metric], now[metric])


def _parts(
    prefix: str, parts: Sequence[str], recorded: Mapping[str, Any], replayed: Mapping[str, Any]
) -> Iterator[str]:
    for part in parts:
        if recorded.get(part) != replayed[part]:
            yield f"{prefix}{part}: recorded {recorded.get(part)!r}, replayed {replayed[part]!r}"


def replay(record: EvidenceRecord, policy: Policy, *, method: Method | None = None) -> Replay:
    """Decide again, check by check, as the bake did.

    :param record: the phase's evidence.
    :param policy: the release's own policy, or another one to compare with.
    :param method: the analysis that decides, up to the first decision that ends a bake; None for the one that
        decided then, as far as the record goes: while a person is asked, the metrics stay checked.
    :return: the decision and its completeness.
    :raises ValueError: when the record has no check.
    """
    if not record.rows:
        raise ValueError(f"evidence record of phase {record.phase}: has no checks; nothing to replay")
    again, method = method is None, method or method_of(record.method)
    phase = policy.phases[record.phase]
    deadline = phase.bake_seconds + phase.extension_seconds
    analysis = BakeAnalysis(
        _in_order_of(record, policy),
        bake_seconds=phase.bake_seconds,
        extension_seconds=phase.extension_seconds,
        phase=record.phase,
        method=method,
    )
    missing = [key for key in policy.metrics if key not in record.metrics]
    decision, is_over, front = analysis.decision(at=0.0), False, 0.0
    for at, canary, stable in record.checks():
        if isinstance(canary, str):
            decision = analysis.unanswered(canary, at=at)
        else:
            # A metric without a record is read with the source that is the soonest.
            front, is_front = max(front, at), at >= front
            read = [key for key in policy.metrics if key in canary or (is_front and key in missing)]
            analysis.add(canary, stable, at=at, read=read)
            decision = analysis.decision(at=at)
        is_over = decision.ends_the_bake or analysis.known_until > deadline
        if is_over and not (again and decision.needs_a_person):
            break
    return Replay(decision, is_over, missing, record.method == method.number)


def _in_order_of(record: EvidenceRecord, policy: Policy) -> Policy:
    """Return the policy with its metrics in the record's order: the first that decides states the cause."""
    recorded = [key for key in record.metrics if key in policy.metrics]
    order = [*recorded, *(key for key in policy.metrics if key not in recorded)]
    return policy.model_copy(update={"metrics": {key: policy.metrics[key] for key in order}})
