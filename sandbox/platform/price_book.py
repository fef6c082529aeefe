"""The product's price book: which price held from when on, so that any day's cost can be worked out again."""

from __future__ import annotations

import logging

import psycopg

from sandbox.platform.budgets import utc_now
from sandbox.platform.database import Database
from sandbox.platform.pricing import PriceList

ADD = """
INSERT INTO token_price (model, effective_from, usd_per_token)
SELECT %(model)s::text, %(now)s::timestamp, %(price)s::numeric
WHERE %(price)s::numeric IS DISTINCT FROM (
    SELECT usd_per_token FROM token_price WHERE model = %(model)s::text ORDER BY effective_from DESC LIMIT 1
)
ON CONFLICT DO NOTHING
"""

_log = logging.getLogger(__name__)


async def note_prices(database: Database, prices: PriceList) -> None:
    """Add the prices that differ from the book's; customers are served without a book all the same."""
    try:
        async with database.connection() as connection:
            for model, price in prices.prompt_prices.items():
                await connection.execute(ADD, {"model": model, "price": price, "now": utc_now()})
    except psycopg.Error as error:
        _log.warning("the price book was not brought up to date: %s", type(error).__name__)
