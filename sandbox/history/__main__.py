"""``python -m sandbox.history URI``: fill a product's database, after its migrations, with a made-up past."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, date, datetime, timedelta

import psycopg

from sandbox.history.loading import load
from sandbox.history.past import Recipe, make_past


def main() -> None:
    """Make the past, write it, and print how long both took."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.history", description=__doc__)
    parser.add_argument("uri", help="the product's database, such as postgresql://user@host/netra_production")
    parser.add_argument("--users", type=int, default=400)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument(
        "--first", type=date.fromisoformat, help="first UTC day (so that yesterday is the last)"
    )
    parser.add_argument("--seed", type=int, default=6)
    asked = parser.parse_args()
    first = asked.first or datetime.now(UTC).date() - timedelta(days=asked.days)
    began = time.perf_counter()
    past = make_past(Recipe(asked.seed, first, asked.days, asked.users))
    made = time.perf_counter()
    with psycopg.connect(asked.uri) as connection:
        rows = load(connection, past.there)
    print(f"{rows} rows: made in {made - began:.1f} s, written in {time.perf_counter() - made:.1f} s")


if __name__ == "__main__":
    main()
