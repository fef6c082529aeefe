"""The mutants of a source: each differs in one place that decides something."""

from __future__ import annotations

import pytest

from bench.mutation.mutants import mutants


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("a < b <= c", {"a <= b <= c", "a < b < c"}),
        ("a + b * c", {"a - b * c", "a + b / c"}),
        ("a and not b", {"a or not b", "a and (not not b)"}),
        ("f(3, key=True)", {"f(4, key=True)", "f(3, key=False)"}),
        ("a is None", {"a is not None"}),
    ],
)
def test_each_operator_and_number_is_changed_once(source: str, changed: set[str]) -> None:
    assert {mutant.source for mutant in mutants(source)} == changed


def test_annotations_and_texts_decide_nothing() -> None:
    assert list(mutants('def f(a: dict[str, 3]) -> 4:\n    "A text of 5."\n    return a')) == []


def test_a_mutant_says_where_and_what_it_changes() -> None:
    (mutant,) = mutants("\n\nx = a > b")
    assert (mutant.line, mutant.before, mutant.after) == (3, "a > b", "a >= b")
