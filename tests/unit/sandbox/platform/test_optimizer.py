"""What holds for every prompt, and what holds for the prompts that users send."""

from __future__ import annotations

from random import Random
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.load_test.prompts import corpus, generate_conversation
from sandbox.platform.optimizer import MINIMUM_TOKENS, Optimizer
from sandbox.platform.phrases import COURTESIES, FILLERS, VERBOSE
from sandbox.platform.tokens import count

CODE = "```python\nplease  =  really(very)\n\n\n\nreturn please\n```"

_words = st.sampled_from(
    [
        *VERBOSE,
        *FILLERS,
        "Could you please",
        "Thank you in advance.",
        "order 4711",
        "the sky is blue.",
        "why?",
        "\n\n",
    ]
)
_wordy = st.lists(_words, min_size=5, max_size=120).map(" ".join)
_any_text = st.one_of(st.text(max_size=400), _wordy, st.text(alphabet=" \t\n.!?ab", max_size=400))


def _optimizer() -> Optimizer:
    return Optimizer(target_percent=20, max_retries=3)


@given(_any_text)
@settings(max_examples=300, deadline=None)
def test_a_prompt_never_gets_longer_and_its_tokens_are_counted_exactly(prompt: str) -> None:
    outcome = _optimizer().optimize(prompt)
    assert outcome.tokens_original == count(prompt)
    assert outcome.tokens_used == count(outcome.text)
    assert outcome.tokens_used <= outcome.tokens_original
    assert outcome.applied == (outcome.text != prompt)


@given(_any_text)
@settings(max_examples=200, deadline=None)
def test_an_optimized_prompt_stays_as_it_is(prompt: str) -> None:
    optimizer = _optimizer()
    once = optimizer.optimize(prompt)
    again = optimizer.optimize(once.text)
    assert again.text == once.text


@given(_wordy)
@settings(max_examples=100, deadline=None)
def test_the_same_prompt_has_the_same_outcome_everywhere(prompt: str) -> None:
    assert _optimizer().optimize(prompt) == _optimizer().optimize(prompt)


def test_conversations_of_any_size_lose_as_much() -> None:
    random = Random(7)
    outcomes = [_optimizer().optimize(generate_conversation(random).text) for _ in range(300)]
    sizes = sorted(outcome.tokens_original for outcome in outcomes)
    assert sizes[0] < 250
    assert sizes[-1] > 1500
    assert 0.18 <= 1 - sum(outcome.tokens_used for outcome in outcomes) / sum(sizes) <= 0.23


def test_users_prompts_lose_15_to_25_percent_and_few_attempts_fail() -> None:
    outcomes = [_optimizer().optimize(prompt.text) for prompt in corpus(600)]
    assert all(outcome.attempted for outcome in outcomes)
    original = sum(outcome.tokens_original for outcome in outcomes)
    assert 0.20 <= 1 - sum(outcome.tokens_used for outcome in outcomes) / original <= 0.23
    failed = [outcome for outcome in outcomes if not outcome.applied]
    assert 0 < len(failed) < 0.03 * len(outcomes)


@pytest.mark.parametrize("target", [10, 15, 20])
def test_the_target_is_met_and_not_far_exceeded(target: int) -> None:
    optimizer = Optimizer(target_percent=target, max_retries=3)
    outcomes = [optimizer.optimize(prompt.text) for prompt in corpus(200)]
    reductions = [
        1 - outcome.tokens_used / outcome.tokens_original for outcome in outcomes if outcome.applied
    ]
    assert target / 100 <= mean(reductions) <= target / 100 + 0.03


def test_without_retries_only_repetition_and_space_are_cut() -> None:
    fact = "The order of the customer was sent to the wrong warehouse in Lisbon on Tuesday. "
    courtesy = "Could you please look into it?"
    outcome = Optimizer(target_percent=60, max_retries=0).optimize(fact + fact + "\n\n\n\n" + fact + courtesy)
    assert outcome.text.count("warehouse") == 1
    assert courtesy in outcome.text


def test_code_between_fences_is_left_as_it_is() -> None:
    prompt = (
        f"Could you please explain this code, in order to help me?\n{CODE}\nIt is really very important. " * 2
    )
    outcome = Optimizer(target_percent=90, max_retries=3).optimize(prompt)
    assert outcome.applied
    assert outcome.text.count(CODE) == 2


def test_paragraphs_stay_apart_when_the_sentence_between_them_goes() -> None:
    fact = "The shipment left the warehouse in Lisbon on Tuesday at noon."
    rest = "Nobody has seen the shipment since it left, and the customer asks for it every day of the week."
    outcome = Optimizer(target_percent=20, max_retries=0).optimize(f"{fact}\n{rest} {fact}\nWhere is it now?")
    assert outcome.text.split("\n")[1:] == [rest + " ", "Where is it now?"]


def test_a_prompt_below_the_minimum_is_not_attempted() -> None:
    prompt = "Please, please answer yes or no."
    assert count(prompt) < MINIMUM_TOKENS
    outcome = _optimizer().optimize(prompt)
    assert (outcome.text, outcome.attempted) == (prompt, False)


def test_a_prompt_with_nothing_to_cut_is_a_failed_attempt() -> None:
    prompt = ", ".join(f"part {number}" for number in range(60))
    outcome = _optimizer().optimize(prompt)
    assert outcome.attempted
    assert not outcome.applied


@pytest.mark.parametrize(("target", "retries"), [(0, 3), (100, 3), (-5, 3), (20, -1)])
def test_settings_that_make_no_sense_are_refused(target: float, retries: int) -> None:
    with pytest.raises(ValueError, match="must"):
        Optimizer(target, retries)


def test_every_table_of_phrases_is_used() -> None:
    assert min(len(COURTESIES), len(VERBOSE), len(FILLERS)) > 5
    shortened = Optimizer(target_percent=99, max_retries=3)
    for phrase, short in VERBOSE.items():
        prompt = f"We met {phrase.strip()} the plan. " + " ".join(f"item{number}" for number in range(40))
        text = shortened.optimize(prompt).text
        assert phrase.strip() not in text
        assert short in text
