"""Chaos over the whole: whatever fails while releases, rollbacks and rollups go on, no state is lost."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from tests.chaos.whole import faults, table
from tests.chaos.whole.rollups import RolledUp
from tests.chaos.whole.wave import Subject, Waves

pytestmark = [pytest.mark.chaos, pytest.mark.sandbox, pytest.mark.exhaustive, pytest.mark.timeout(300)]
#: How often each fault is drawn.
SEEDS = {
    faults.OF_ROLLUPS: 15,
    faults.OF_EVERYTHING: 1,
    (faults.KILLED, faults.SLOW, faults.CUT, faults.SILENT, faults.GONE): 4,
    # What lasts until the end of a run takes the longest.
    (faults.AHEAD, faults.BEHIND, faults.STORE): 1,
}
CASES = [
    (seed, fault)
    for seed in range(max(SEEDS.values()))
    for names, count in SEEDS.items()
    if seed < count
    for fault in names
]
_NUMBERS = itertools.count(1)


@pytest.mark.parametrize(("seed", "fault"), CASES)
def test_everything_ends_as_its_record_says(waves: Waves, fault: str, seed: int) -> None:
    under_way = waves.wave(fault, seed)
    note(under_way, fault)
    for each in under_way:
        what = each.happening.fault if each.happening else "no fault"
        print(f"{each.kind}, {each.ways.calls.count} messages, {what}: {each.ended}; {errors(each)}")
    wrong = [
        f"{each.kind}, {each.happening.fault if each.happening else 'no fault'}: {each.faults} {errors(each)}"
        for each in under_way
        if each.faults
    ]
    assert not wrong, "\n".join(wrong)


def errors(each: Subject | RolledUp) -> Sequence[str]:
    """Return what its tasks failed with."""
    return each.run.errors if isinstance(each, Subject) else each.errors


def note(under_way: Sequence[Subject | RolledUp], fault: str) -> None:
    """Put what met the fault into the table."""
    numbers: dict[int, int] = {}
    for each in under_way:
        if each.happening is not None and each.happening.happened_before(each.over_at):
            number = numbers.setdefault(id(each.happening), next(_NUMBERS))
            table.add(number, fault, each.kind, table.LOST if each.faults else each.ended)
