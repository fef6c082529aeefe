"""Samples of complete matrices: the same cases in every run, and all of them in ``make test-exhaustive``.

What a default run leaves out carries the marker ``exhaustive``.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

SEED = 12
"""One seed for every sample, so that a failure is met again."""


def sampled(cases: Iterable[Any], count: int) -> list[Any]:
    """Turn cases into parameters of a test, of which a default run takes a sample.

    :param cases: every case, in their order; a tuple holds the values of several arguments.
    :param count: how many cases a default run takes.
    :return: arguments for ``pytest.mark.parametrize``.
    """
    every = list(cases)
    taken = set(random.Random(SEED).sample(range(len(every)), min(count, len(every))))
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if place in taken else pytest.mark.exhaustive,
        )
        for place, case in enumerate(every)
    ]


def numbers(one_in: int) -> Iterator[int]:
    """Count from 1 on without end, taking one number at random of each so many.

    :param one_in: how many numbers one is taken of; 1 takes every number.
    """
    draw = random.Random(SEED)
    return (first + draw.randrange(one_in) for first in itertools.count(1, one_in))


def one_in(count: int) -> list[Any]:
    """Return parameters for :func:`numbers`: a default run takes this one, an exhaustive run 1 too.

    :param count: how many numbers one is taken of in a default run.
    """
    every = pytest.param(1, id="every", marks=pytest.mark.exhaustive)
    return [pytest.param(count, id="sample"), every]
