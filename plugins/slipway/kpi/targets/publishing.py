"""Reviews of the business targets: made from what is published, and published beside it."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from slipway.kpi.staging import staging_table
from slipway.kpi.warehouse import Warehouse

if TYPE_CHECKING:
    from slipway.kpi.targets.policy import TargetPolicy
    from slipway.kpi.targets.review import Review

_TABLE = "target_review"


@dataclass(frozen=True)
class Launch:
    """The promoted release that the targets are dated from.

    :param promoted: UTC day of the promotion.
    """

    release_id: str
    version: str
    promoted: date


def review_days(
    warehouse: Warehouse, policy: TargetPolicy, *, product: str, promoted: date | None, days: Sequence[date]
) -> dict[date, list[Review]]:
    """Review every target as of each day, from what is published; at most a year of a dozen KPIs is read.

    :param warehouse: where the KPIs are.
    :param policy: the targets.
    :param product: whose days they are.
    :param promoted: UTC day of the promotion; None when there was none yet.
    :param days: the days to review.
    :return: the reviews by day; none for days before the promotion.
    """
    from slipway.kpi.targets.days import DayValue
    from slipway.kpi.targets.review import first_day_read, review_all

    reviews: dict[date, list[Review]] = {day: [] for day in days}
    if promoted is None or promoted > max(days):
        return reviews
    series: dict[str, list[DayValue]] = defaultdict(list)
    parameters = {
        "product": product,
        "kpis": policy.kpis,
        "first": first_day_read(promoted),
        "last": max(days),
    }
    for kpi, *point in warehouse.rows("kpi/target_series", parameters=parameters):
        series[kpi].append(DayValue(*point))
    for day in days:
        if day >= promoted:
            reviews[day] = review_all(policy, series, promoted=promoted, as_of=day)
    return reviews


def publish_reviews(
    warehouse: Warehouse,
    launch: Launch | None,
    reviews: Mapping[date, Sequence[Review]],
    *,
    product: str,
    run_id: str,
    attempt: int,
) -> None:
    """Replace each day's reviews in one step.

    :param warehouse: where to publish them.
    :param launch: the release that they are dated from; None before there is one.
    :param reviews: the reviews by day.
    :param product: whose they are; the days of others stay as they are.
    :param run_id: the run that made them.
    :param attempt: its try.
    """
    staging = f"{staging_table(_TABLE, product, run_id, attempt)}_{secrets.token_hex(3)}"
    warehouse.run("clickhouse/create_like", {"table": staging, "shape": _TABLE})
    rows = [
        {"product": product, **_row(day, launch, review, run_id)}
        for day, made in reviews.items()
        for review in made
        if launch is not None
    ]
    warehouse.insert(staging, list(rows[0]) if rows else [], [list(row.values()) for row in rows])
    for day, made in reviews.items():
        # A day before the launch has no review, and must not keep one.
        settings = {"allow_replace_partition_from_empty_source": int(not made)}
        warehouse.run(
            "kpi/publish", {"table": _TABLE, "staging": staging}, {"day": day, "product": product}, settings
        )
    warehouse.run("clickhouse/drop_table", {"table": staging})


def _row(day: date, launch: Launch, review: Review, run_id: str) -> dict[str, Any]:
    return {
        "as_of": day,
        "release_id": launch.release_id,
        "version": launch.version,
        "promoted_on": launch.promoted,
        "horizon": review.horizon,
        "target": review.target,
        "title": review.policy.title,
        "kpi": review.policy.kpi or "",
        "unit": review.policy.unit,
        "status": review.status,
        "value": review.value,
        "at_least": review.policy.at_least,
        "at_most": review.policy.at_most,
        "n": review.n,
        "forecast": review.forecast,
        "forecast_low": review.low,
        "forecast_high": review.high,
        "due": review.due,
        "reason": review.reason,
        "run_id": run_id,
        "published_at": datetime.now(UTC),
    }
