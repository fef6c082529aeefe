"""Money is exact, and the independent check notices when it is not."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.platform.pricing import MICRODOLLAR, PriceList, text

PUBLIC = {
    "LLM_PRICING_GPT4_INPUT": "0.00003",
    "LLM_PRICING_GPT4_OUTPUT": "0.00006",
    "LLM_PRICING_GPT35_INPUT": "0.0000015",
    "LLM_PRICING_GPT35_OUTPUT": "0.000002",
}
MODELS = st.sampled_from(["gpt-4", "gpt-3.5-turbo"])


@given(MODELS, st.integers(0, 10_000_000))
def test_a_cost_is_tokens_times_price_rounded_half_up(model: str, tokens: int) -> None:
    prices = PriceList.from_configuration(PUBLIC)
    key = {"gpt-4": "GPT4", "gpt-3.5-turbo": "GPT35"}[model]
    exact = Fraction(PUBLIC[f"LLM_PRICING_{key}_INPUT"]) * tokens * 10**6
    assert prices.cost(model, tokens) == Decimal(int(exact + Fraction(1, 2))).scaleb(-6)


@given(MODELS, st.integers(0, 10_000_000), st.integers(-5, 5))
def test_the_check_accepts_the_right_cost_and_no_other(model: str, tokens: int, off: int) -> None:
    prices = PriceList.from_configuration(PUBLIC)
    cost = prices.cost(model, tokens) + off * MICRODOLLAR
    assert prices.is_accurate(model, tokens, cost) == (off == 0)


def test_completion_tokens_cost_the_output_price() -> None:
    prices = PriceList.from_configuration(PUBLIC)
    assert prices.cost("gpt-4", 1000, 500) == Decimal("0.06")


@given(st.decimals(0, 1000, places=9))
def test_amounts_are_written_with_six_places(amount: Decimal) -> None:
    written = text(amount.quantize(MICRODOLLAR, ROUND_HALF_UP))
    assert len(written.partition(".")[2]) == 6
    assert Decimal(written) == amount.quantize(MICRODOLLAR, ROUND_HALF_UP)


@pytest.mark.parametrize("value", ["", "free", "-0.1", "0", "NaN", "Infinity", "0.0000000000001"])
def test_a_price_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(ValueError, match="LLM_PRICING_GPT35_OUTPUT"):
        PriceList.from_configuration(PUBLIC | {"LLM_PRICING_GPT35_OUTPUT": value})


def test_a_missing_price_is_named() -> None:
    values = {key: value for key, value in PUBLIC.items() if key != "LLM_PRICING_GPT4_INPUT"}
    with pytest.raises(ValueError, match="LLM_PRICING_GPT4_INPUT is missing"):
        PriceList.from_configuration(values)


def test_an_unknown_model_has_no_price() -> None:
    with pytest.raises(KeyError):
        PriceList.from_configuration(PUBLIC).cost("gpt-0", 1)
