"""Costs are tracked as they arise, and budgets hold."""

from __future__ import annotations

import time
from decimal import Decimal

import httpx

from include.acceptance.platform import Caller
from include.load_test.prompts import corpus

PROMPTS = 12
SPENT_WITHIN_SECONDS = 6.0


def test_costs_move_with_every_request(caller: Caller) -> None:
    assert caller.costs()["requests"] == 0
    for number, prompt in enumerate(corpus(3), start=1):
        caller.optimize(prompt)
        assert caller.costs_after(number)["requests"] == number


def test_totals_are_the_sum_of_the_answers(caller: Caller) -> None:
    answers = [caller.optimize(prompt) for prompt in corpus(PROMPTS)]
    costs = caller.costs_after(PROMPTS)
    for key in ("cost_original_usd", "cost_usd", "saved_usd"):
        assert Decimal(costs[key]) == sum(Decimal(answer[key]) for answer in answers), key
    for key in ("tokens_original", "tokens_used"):
        assert costs[key] == sum(answer[key] for answer in answers), key


def test_the_budget_shows_what_was_spent(caller: Caller) -> None:
    answer = caller.optimize(corpus(1)[0])
    assert Decimal(answer["budget"]["spent_usd"]) == Decimal(answer["cost_usd"])
    assert Decimal(answer["budget"]["limit_usd"]) > 0
    assert answer["budget"]["alert"] is None


def test_a_spent_budget_ends_the_service_with_402(caller: Caller, backend: httpx.Client) -> None:
    response = backend.put("/v1/budget", json={"limit_usd": "0.01"}, headers=caller.headers)
    assert response.status_code == 200, response.text
    refused = _until_refused(caller)
    assert refused.status_code == 402, "the budget of one cent was spent, and requests still went through"
    assert "budget" in refused.json()["error"]
    spent = Decimal(refused.json()["budget"]["spent_usd"])
    assert spent >= Decimal("0.01")
    assert refused.json()["budget"]["alert"] == "exceeded"


def _until_refused(caller: Caller) -> httpx.Response:
    deadline = time.monotonic() + SPENT_WITHIN_SECONDS
    prompt = corpus(1)[0]
    while True:
        response = caller.post(prompt, model="gpt-4")
        if response.status_code != 200 or time.monotonic() > deadline:
            return response
