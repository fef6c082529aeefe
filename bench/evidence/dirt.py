"""What can happen to readings on their way: each kind makes, of the true series, what arrives."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from slipway.exceptions import MetricsAnswerOdd, MetricsQueryInvalid, MetricsUnavailable, SlipwayError
from slipway.hooks.metrics.promql import Sample

from bench.evidence.world import CANARY, STABLE

#: The answers to one query up to now, the last one last; what arrives of it.
Arrive = Callable[[Sequence[Sequence[Sample]], np.random.Generator], "list[Sample] | SlipwayError"]


@dataclass(frozen=True)
class Dirt:
    """A kind of dirt.

    :param name: for the table.
    :param arrive: makes, of the true answers of a query at every check up to now, what arrives.
    :param restarts: probability that an instance begins again between two checks.
    """

    name: str
    arrive: Arrive
    restarts: float = 0.0


def _each(change: Callable[[Sample, float | None, float], Sample | None], *, by: str = "") -> Arrive:
    """Change series by series: each with its value at the check before, if it had one, and a chance of 0..1.

    One series meets the same chance in every query of a check, and with ``by`` do all series of one label.
    """

    def arrive(answers: Sequence[Sequence[Sample]], rng: np.random.Generator) -> list[Sample]:
        check, seed = len(answers), int(rng.bit_generator.seed_seq.entropy[0])  # type: ignore[attr-defined]
        before = {_key(sample): sample.value for sample in answers[-2]} if check > 1 else {}
        changed = []
        for sample in answers[-1]:
            drawn = sample.labels[by] if by else repr(_key(sample))
            chance = np.random.default_rng([seed, check, zlib.crc32(drawn.encode())]).random()
            changed.append(change(sample, before.get(_key(sample)), chance))
        return [sample for sample in changed if sample is not None]

    return arrive


def _key(sample: Sample) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(sample.labels.items()))


def _clean(answers: Sequence[Sequence[Sample]], _: np.random.Generator) -> list[Sample]:
    return list(answers[-1])


def _dip(sample: Sample, before: float | None, chance: float) -> Sample:
    return replace(sample, value=max(0.0, before - 1)) if before and chance < 0.05 else sample


def _late(sample: Sample, before: float | None, chance: float) -> Sample:
    return sample if before is None or chance > 0.2 else replace(sample, value=before)


def _torn(sample: Sample, before: float | None, chance: float) -> Sample:
    return sample if before is None or chance > 0.03 else replace(sample, value=before)


def _lost(sample: Sample, _: float | None, chance: float) -> Sample | None:
    return None if chance < 0.05 else sample


def _infinite(sample: Sample, _: float | None, chance: float) -> Sample:
    return replace(sample, value=math.inf) if chance < 0.005 else sample


def _gaps(answers: Sequence[Sequence[Sample]], _: np.random.Generator) -> list[Sample]:
    """Every fortieth check there is nothing for two minutes; and stable is not there at the first."""
    check = len(answers) - 1
    if check == 0:
        return [sample for sample in answers[-1] if sample.labels["revision_name"] != STABLE]
    return [] if check % 40 > 32 else list(answers[-1])


def _reordered(answers: Sequence[Sequence[Sample]], rng: np.random.Generator) -> list[Sample]:
    """Now and then an answer is that of two checks ago, and series are in no order."""
    answer = answers[-3] if len(answers) > 3 and rng.random() < 0.05 else answers[-1]
    return [answer[number] for number in rng.permutation(len(answer))]


def _relabelled(answers: Sequence[Sequence[Sample]], _: np.random.Generator) -> list[Sample]:
    """Every two minutes the collector names the series otherwise."""
    named = f"c-{(len(answers) + 3) // 8}"
    return [replace(sample, labels={**sample.labels, "zone": named}) for sample in answers[-1]]


def _stale(answers: Sequence[Sequence[Sample]], _: np.random.Generator) -> list[Sample]:
    """The collector repeats one instance's last values for a minute, in every five."""
    check = len(answers) - 1
    since = check % 20
    if since >= 4:
        return list(answers[-1])
    still = {_key(sample): sample for sample in answers[check - since]}
    return [
        still[_key(sample)] if sample.labels["instance"].endswith("-0") else sample for sample in answers[-1]
    ]


def _doubled(label: str) -> Arrive:
    def arrive(answers: Sequence[Sequence[Sample]], _: np.random.Generator) -> list[Sample]:
        return [
            replace(sample, labels={**sample.labels, label: name}) for sample in answers[-1] for name in "xy"
        ]

    return arrive


def _balanced(answers: Sequence[Sequence[Sample]], _: np.random.Generator) -> list[Sample]:
    """The new revision's instances answer in turns under the same labels."""
    turn = f"new-{len(answers) % 2}"
    shown = []
    for sample in answers[-1]:
        if sample.labels["revision_name"] != CANARY:
            shown.append(sample)
        elif sample.labels["instance"] == turn:
            # One of them is older: it has served while traffic was shifted.
            more = 900.0 if turn == "new-0" and "5xx" not in sample.labels.values() else 0.0
            labels = {**sample.labels, "instance": "service"}
            shown.append(replace(sample, labels=labels, value=sample.value + more))
    return shown


def _answers(error: SlipwayError, probability: float) -> Arrive:
    def arrive(answers: Sequence[Sequence[Sample]], rng: np.random.Generator) -> list[Sample] | SlipwayError:
        return error if rng.random() < probability else list(answers[-1])

    return arrive


KINDS: Mapping[str, Dirt] = {
    dirt.name: dirt
    for dirt in (
        Dirt("clean", _clean),
        Dirt("restarts", _clean, restarts=1 / 60),
        Dirt("dips", _each(_dip)),
        Dirt("gaps", _gaps),
        Dirt("late", _each(_late, by="instance")),
        Dirt("torn", _each(_torn)),
        Dirt("lost series", _each(_lost)),
        Dirt("lost instances", _each(_lost, by="instance")),
        Dirt("reordered", _reordered),
        Dirt("relabelled", _relabelled),
        Dirt("stale", _stale),
        Dirt("infinite", _each(_infinite)),
        Dirt("refused", _answers(MetricsQueryInvalid("422: duplicate series"), 0.05)),
        Dirt("partial", _answers(MetricsAnswerOdd("the answer may be partial"), 0.05)),
        Dirt("histograms", _answers(MetricsAnswerOdd("is a native histogram"), 0.05)),
        Dirt("no answer", _answers(MetricsUnavailable("503"), 0.05)),
        Dirt("replicas", _doubled("prometheus_replica")),
        Dirt("receivers", _doubled("receive")),
        Dirt("two jobs", _doubled("job")),
        Dirt("balanced", _balanced),
    )
}
