"""Recognising right and wrong answers, with and without public prices."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.load_test.answers import input_prices, is_cost_accurate, mistake
from tests.unit.sandbox.platform.test_pricing import PUBLIC

PRICES = input_prices(json.dumps(PUBLIC))


def _answer(original: int, used: int, factor: str = "1", model: str = "gpt-4") -> dict[str, Any]:
    def cost(tokens: int) -> Decimal:
        return (tokens * PRICES[model] * Decimal(factor)).quantize(Decimal("0.000001"), "ROUND_HALF_UP")

    return {
        "user_id": "u",
        "session_key": "s",
        "optimized_prompt": "short",
        "optimization_applied": used < original,
        "tokens_original": original,
        "tokens_used": used,
        "cost_original_usd": str(cost(original)),
        "cost_usd": str(cost(used)),
        "saved_usd": str(cost(original) - cost(used)),
    }


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from(["gpt-4", "gpt-3.5-turbo"]))
def test_right_costs_are_accepted(one: int, other: int, model: str) -> None:
    answer = _answer(max(one, other), min(one, other), model=model)
    assert is_cost_accurate(answer, model, PRICES)
    assert is_cost_accurate(answer, model, {})


@given(st.integers(100, 5000))
def test_a_wrong_factor_is_seen_with_prices(tokens: int) -> None:
    assert not is_cost_accurate(_answer(tokens, tokens - 20, factor="1.07"), "gpt-4", PRICES)


@pytest.mark.parametrize(("key", "value"), [("cost_usd", "0.009000"), ("saved_usd", "0.000001")])
def test_an_answer_that_contradicts_itself_is_seen_without_prices(key: str, value: str) -> None:
    assert not is_cost_accurate(_answer(300, 240) | {key: value}, "gpt-4", {})


def test_no_prices_is_none() -> None:
    assert input_prices("") == {}
    with pytest.raises(KeyError, match="LLM_PRICING_GPT4_INPUT"):
        input_prices("{}")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"user_id": "other"}, "another user's session"),
        ({"session_key": "other"}, "another user's session"),
        ({"tokens_used": 301}, "301 tokens used of 300"),
        ({"tokens_used": 0}, "0 tokens used"),
        ({"optimization_applied": False}, "optimization_applied"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], expected: str | None) -> None:
    found = mistake(_answer(300, 240) | changes, "u", "s", "a long prompt")
    assert found is None if expected is None else expected in str(found)
