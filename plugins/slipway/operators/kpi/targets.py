"""The review of the business targets, at the end of the KPI rollup."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date
from typing import TYPE_CHECKING, Any

from slipway.kpi.day import parse_day
from slipway.kpi.targets.publishing import Launch, publish_reviews, review_days
from slipway.kpi.warehouse import open_warehouse
from slipway.ledger.ledger import LEDGER_CONNECTION, Ledger
from slipway.operators.kpi.base import DayOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.kpi.targets.review import Review


class ReviewTargetsOperator(DayOperator):
    """Judge every business target: on track, behind, met, missed, or without enough data.

    Before the product's launching release is promoted, and for days before that, there is nothing to review;
    the day is then published without a review. A product without targets is skipped.

    :param ledger_conn_id: the connection to the ledger, which knows the day of the promotion.
    """

    def __init__(
        self,
        *,
        ledger_conn_id: str = LEDGER_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Review, and publish each day's reviews in one step.

        Reviews of later days rest on this day too: they are made again.

        :param context: Airflow's context of the task.
        :return: ``day``, ``release`` (None before the launch), how many targets have which status, and how
            many later days were reviewed again.
        :raises PolicyError: when the targets cannot be used as written.
        :raises AirflowSkipException: when the product has none.
        """
        from airflow.sdk.exceptions import AirflowSkipException

        from slipway.kpi.targets.policy import load_targets

        if self.source.targets is None:
            raise AirflowSkipException(f"{self.product} has no business targets in include/kpi/rollup.yaml")
        day, policy = parse_day(self.day), load_targets(self.source.targets)
        launch = _launch(Ledger(self.ledger_conn_id), self.product, policy.launch_version)
        promoted = None if launch is None else launch.promoted
        of_day = {"day": day, "product": self.product}
        with open_warehouse(self.clickhouse_conn_id) as warehouse:
            later = [row[0] for row in warehouse.rows("kpi/target_days_after", parameters=of_day)]
            reviews = review_days(
                warehouse, policy, product=self.product, promoted=promoted, days=[day, *later]
            )
            run_id, attempt = str(context["run_id"]), int(context["ti"].try_number)
            publish_reviews(warehouse, launch, reviews, product=self.product, run_id=run_id, attempt=attempt)
        for review in reviews[day]:
            self._log_review(day, review)
        statuses = dict(Counter(review.status for review in reviews[day]))
        release = launch.release_id if launch and reviews[day] else None
        self.log.info(
            "targets_reviewed",
            product=self.product,
            day=day.isoformat(),
            release=release,
            statuses=statuses,
            later_days=len(later),
        )
        return {
            "day": day.isoformat(),
            "release": release,
            "statuses": statuses,
            "later_days": len(later),
        }

    def _log_review(self, day: date, review: Review) -> None:
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


def _launch(ledger: Ledger, product: str, version: str | None) -> Launch | None:
    """Return the release that the product's targets are dated from."""
    release = ledger.launch(product, version)
    if release is None:
        return None
    # The ledger sets closed_at with the outcome: a promoted release has one.
    promoted = (release.closed_at or release.opened_at).astimezone(UTC).date()
    return Launch(release.release_id, release.version, promoted)
