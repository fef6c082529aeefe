"""What a right answer of the platform looks like."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

MICRODOLLAR = Decimal("0.000001")
PRICE_KEYS = {"gpt-4": "LLM_PRICING_GPT4_INPUT", "gpt-3.5-turbo": "LLM_PRICING_GPT35_INPUT"}


def input_prices(pricing: str) -> dict[str, Decimal]:
    """Return dollars per prompt token by model.

    :param pricing: JSON object with the ``LLM_PRICING_*`` keys, or an empty string for none.
    :raises KeyError: naming the price that is missing.
    """
    if not pricing:
        return {}
    values = json.loads(pricing)
    return {model: Decimal(str(values[key])) for model, key in PRICE_KEYS.items()}


def is_cost_accurate(answer: Mapping[str, Any], model: str, prices: Mapping[str, Decimal]) -> bool:
    """Tell whether the costs of an optimize answer are right.

    With prices, each cost must be tokens times price to the millionth of a dollar. Without, the answer must
    agree with itself: the saving is the difference, and both costs come from the same price per token.
    """
    original, cost, saved = (Decimal(answer[key]) for key in ("cost_original_usd", "cost_usd", "saved_usd"))
    if saved != original - cost:
        return False
    if prices:
        expected = [_cost(answer[key], prices[model]) for key in ("tokens_original", "tokens_used")]
        return [original, cost] == expected
    # Each cost is rounded by at most half a millionth of a dollar.
    slack = MICRODOLLAR / 2 * (answer["tokens_original"] + answer["tokens_used"])
    difference = original * answer["tokens_used"] - cost * answer["tokens_original"]
    return bool(abs(difference) <= slack)


def is_foreign(answer: Mapping[str, Any], user_id: str, session_key: str) -> bool:
    """Tell whether an answer carries another user's session, or another session of the user."""
    return bool(answer["user_id"] != user_id or answer["session_key"] != session_key)


def mistake(answer: Mapping[str, Any], user_id: str, session_key: str, prompt: str) -> str | None:
    """Return what is wrong with an optimize answer apart from its costs, or None."""
    if is_foreign(answer, user_id, session_key):
        return "the answer carries another user's session"
    if not 0 < answer["tokens_used"] <= answer["tokens_original"]:
        return f"{answer['tokens_used']} tokens used of {answer['tokens_original']}"
    if answer["optimization_applied"] != (answer["optimized_prompt"] != prompt):
        return "optimization_applied does not tell whether the prompt was changed"
    return None


def _cost(tokens: int, price: Decimal) -> Decimal:
    return (tokens * price).quantize(MICRODOLLAR, ROUND_HALF_UP)
