"""What prompts cost, exactly.

The platform optimizes prompts before they are sent to a model, so prompt tokens are what it prices, at the
model's input price. Completions happen outside of it; their price is configured and answered on request
(:meth:`PriceList.cost` takes completion tokens), but no request of this API produces any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

MICRODOLLAR = Decimal("0.000001")
MODELS = {"gpt-4": "GPT4", "gpt-3.5-turbo": "GPT35"}


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per token of one model."""

    input_usd: Decimal
    output_usd: Decimal


class PriceList:
    """The price of each model's tokens.

    :param prices: model name to price.
    """

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = dict(prices)
        # For the independent check: the same input prices as whole numbers of 10^-12 dollars.
        self._picodollars = {model: int(price.input_usd.scaleb(12)) for model, price in prices.items()}

    @classmethod
    def from_configuration(cls, values: Mapping[str, str]) -> PriceList:
        """Read ``LLM_PRICING_<MODEL>_INPUT`` and ``_OUTPUT`` for every model.

        :param values: the pricing document.
        :raises ValueError: naming the key that is missing or no positive amount.
        """
        return cls(
            {
                model: Price(
                    _amount(values, f"LLM_PRICING_{name}_INPUT"),
                    _amount(values, f"LLM_PRICING_{name}_OUTPUT"),
                )
                for model, name in MODELS.items()
            }
        )

    @property
    def prompt_prices(self) -> Mapping[str, Decimal]:
        """Dollars per prompt token, by model."""
        return {model: price.input_usd for model, price in self._prices.items()}

    def cost(self, model: str, prompt_tokens: int, completion_tokens: int = 0) -> Decimal:
        """Return the cost in dollars, rounded half up to a millionth.

        :param model: name of the model.
        :param prompt_tokens: tokens of the prompt.
        :param completion_tokens: tokens of the answer.
        :raises KeyError: when the model has no price.
        """
        price = self._prices[model]
        exact = price.input_usd * prompt_tokens + price.output_usd * completion_tokens
        return exact.quantize(MICRODOLLAR, ROUND_HALF_UP)

    def is_accurate(self, model: str, prompt_tokens: int, cost_usd: Decimal) -> bool:
        """Recompute the cost in whole numbers and tell whether ``cost_usd`` is that to the last digit."""
        microdollars = (2 * prompt_tokens * self._picodollars[model] + 10**6) // (2 * 10**6)
        return cost_usd == Decimal(microdollars).scaleb(-6)


def text(amount: Decimal) -> str:
    """Return an amount as the API writes money: a decimal string with six places."""
    return f"{amount:.6f}"


def _amount(values: Mapping[str, str], key: str) -> Decimal:
    if key not in values:
        raise ValueError(f"{key} is missing: give the price of one token in dollars")
    try:
        amount = Decimal(values[key])
    except InvalidOperation:
        raise ValueError(f"{key}={values[key]!r}: must be a decimal number") from None
    if not amount.is_finite() or amount <= 0 or amount != amount.quantize(Decimal("1e-12")):
        raise ValueError(f"{key}={values[key]}: must be positive, with at most 12 decimal places")
    return amount
