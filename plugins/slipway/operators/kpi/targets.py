"""The review of the business targets, at the end of the KPI rollup."""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from slipway.kpi.day import parse_day
from slipway.kpi.staging import staging_table
from slipway.kpi.warehouse import Warehouse, open_warehouse
from slipway.ledger.ledger import LEDGER_CONNECTION, Ledger, Release
from slipway.operators.kpi.base import DayOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.kpi.targets.policy import TargetPolicy
    from slipway.kpi.targets.review import Review

_TABLE = "target_review"


class ReviewTargetsOperator(DayOperator):
    """Say about every business target whether it is on track, behind, met, missed, or without enough data.

    Before the launching release is promoted, and for days before that, there is nothing to review; the day is
    then published without a review.

    :param policy: file in ``include/policy`` with the targets.
    :param ledger_conn_id: the connection to the ledger, which knows the day of the promotion.
    """

    def __init__(
        self,
        *,
        policy: str = "targets.yaml",
        ledger_conn_id: str = LEDGER_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.policy = policy
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Review, and publish each day's reviews in one step.

        What was said about later days rests on this day too: they are reviewed again.

        :return: ``day``, ``release`` (None before the launch), how many targets have which status, and how
            many later days were reviewed again.
        :raises PolicyError: when the targets cannot be used as written.
        """
        from slipway.kpi.targets.policy import load_targets

        day, policy = parse_day(self.day), load_targets(self.policy)
        launch = Ledger(self.ledger_conn_id).launch(policy.launch_version)
        promoted = None if launch is None else _day_of_promotion(launch)
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            later = [row[0] for row in warehouse.rows("kpi/target_days_after", parameters={"day": day})]
            reviews = review_days(warehouse, policy, promoted=promoted, days=[day, *later])
            self._publish(warehouse, context, launch, reviews)
        for review in reviews[day]:
            self._tell(day, review)
        statuses = dict(Counter(review.status for review in reviews[day]))
        release = launch.release_id if launch and reviews[day] else None
        self.log.info(
            "targets_reviewed", day=day.isoformat(), release=release, statuses=statuses, later_days=len(later)
        )
        return {
            "day": day.isoformat(),
            "release": release,
            "statuses": statuses,
            "later_days": len(later),
        }

    def _tell(self, day: date, review: Review) -> None:
        self.log.info(
            "target_reviewed",
            day=day.isoformat(),
            horizon=review.horizon,
            business_target=review.target,
            status=review.status,
            value=None if review.value is None else str(review.value),
            due=review.due.isoformat(),
            reason=review.reason,
        )

    def _publish(
        self,
        warehouse: Warehouse,
        context: Context,
        launch: Release | None,
        reviews: Mapping[date, Sequence[Review]],
    ) -> None:
        run_id, attempt = str(context["run_id"]), int(context["ti"].try_number)
        staging = f"{staging_table(_TABLE, run_id, attempt)}_{secrets.token_hex(3)}"
        warehouse.run("clickhouse/create_like", {"table": staging, "shape": _TABLE})
        rows = [
            _row(day, launch, review, run_id)
            for day, said in reviews.items()
            for review in said
            if launch is not None
        ]
        warehouse.insert(staging, list(rows[0]) if rows else [], [list(row.values()) for row in rows])
        for day, said in reviews.items():
            # A day before the launch has no review, and must not keep one.
            settings = {"allow_replace_partition_from_empty_source": int(not said)}
            warehouse.run("kpi/publish", {"table": _TABLE, "staging": staging}, {"day": day}, settings)
        warehouse.run("clickhouse/drop_table", {"table": staging})


def review_days(
    warehouse: Warehouse, policy: TargetPolicy, *, promoted: date | None, days: Sequence[date]
) -> dict[date, list[Review]]:
    """Review every target as of each day, from what is published; at most a year of a dozen KPIs is read.

    :param promoted: UTC day of the promotion; None when there was none yet.
    :return: the reviews by day; none for days before the promotion.
    """
    from slipway.kpi.targets.days import DayValue
    from slipway.kpi.targets.review import first_day_read, review_all

    reviews: dict[date, list[Review]] = {day: [] for day in days}
    if promoted is None or promoted > max(days):
        return reviews
    series: dict[str, list[DayValue]] = defaultdict(list)
    parameters = {"kpis": policy.kpis, "first": first_day_read(promoted), "last": max(days)}
    for kpi, *point in warehouse.rows("kpi/target_series", parameters=parameters):
        series[kpi].append(DayValue(*point))
    for day in days:
        if day >= promoted:
            reviews[day] = review_all(policy, series, promoted=promoted, as_of=day)
    return reviews


def _day_of_promotion(launch: Release) -> date:
    # The ledger sets closed_at with the outcome: a promoted release has one.
    return (launch.closed_at or launch.opened_at).astimezone(UTC).date()


def _row(day: date, launch: Release, review: Review, run_id: str) -> dict[str, Any]:
    return {
        "as_of": day,
        "release_id": launch.release_id,
        "version": launch.version,
        "promoted_on": _day_of_promotion(launch),
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
