"""The operator that carries a version from one region of production to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk.exceptions import AirflowFailException

from slipway.exceptions import ReleaseUnknown
from slipway.ledger.entries import NextRegionStarted, RegionsReported
from slipway.ledger.plan import release_id
from slipway.ledger.timeline import summary_line
from slipway.notifiers.team import notify_team
from slipway.operators.base import ReleaseOperator
from slipway.operators.trigger_run import ENDED, trigger_run, wait_for_run
from slipway.policy.release import load_policy
from slipway.release.load_balancer import require_reachable
from slipway.release.regions import conf_of_region, requested_regions
from slipway.release.regions_report import kept_message, kept_regions, serving_by_region

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from slipway.ledger.ledger import Release

POLL_SECONDS = 10


class ReleaseRegionsOperator(ReleaseOperator):
    """Run the release DAG for one region after another, in the policy's order.

    It waits in the triggerer. After every wait, and when it is run again, it starts from the first region:
    the runs that exist and the ledger say how far the regions are.

    :param release_dag_id: DAG that releases to one region.
    """

    def __init__(self, *, release_dag_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.release_dag_id = release_dag_id

    def execute(self, context: Context) -> list[str]:
        """Start the next region's run and wait for it, until every region is promoted.

        :param context: Airflow's context of the task.
        :return: the regions that were promoted.
        :raises AirflowFailException: when a region was not promoted; no further region gets the version.
        :raises LoadBalancerMisconfigured: when the load balancer does not lead to the services any more.
        """
        request = {key: value for key, value in context["params"].items() if value}
        regions = requested_regions(request, load_policy(request["policy"]))
        previous: Release | None = None
        for region in regions:
            run_id = f"{context['run_id']}--{region}"
            if not context["ti"].get_dr_count(self.release_dag_id, run_ids=[run_id]):
                self._start(request, region, run_id, previous)
            if context["ti"].get_dagrun_state(self.release_dag_id, run_id) not in ENDED:
                wait_for_run(self.release_dag_id, run_id, poll_seconds=POLL_SECONDS)
            previous = self._promoted(context, region, run_id)
        return list(regions)

    def execute_complete(self, context: Context, event: Any) -> list[str]:
        """Go on after a region's run has ended."""
        return self.execute(context)

    def _start(
        self, request: Mapping[str, Any], region: str, run_id: str, previous: Release | None
    ) -> NoReturn:
        conf = conf_of_region(request, region, previous)
        if previous is not None:
            require_reachable(previous.policy, self.gcp_conn_id)
            self.record(previous, NextRegionStarted(region=region, run=run_id, conf=conf))
        self.log.info("Release to %s: starting run %s of %s", region, run_id, self.release_dag_id)
        trigger_run(self.release_dag_id, run_id, conf, wait=True, poll_seconds=POLL_SECONDS)

    def _promoted(self, context: Context, region: str, run_id: str) -> Release:
        try:
            release = self.ledger.release(release_id(context["params"]["version"], run_id))
        except ReleaseUnknown:
            raise AirflowFailException(
                f"release to {region} refused: see preflight of run {run_id}; no further region gets it"
            ) from None
        kept = self._report(context, release)
        line = summary_line(release, self.ledger.entries(release.release_id))
        self.log.info("Region %s: %s", region, line)
        if release.outcome != "promoted":
            also = f"; {', '.join(kept)} keep it" if kept else ""
            raise AirflowFailException(f"{line}; no further region gets it{also}")
        return release

    def _report(self, context: Context, release: Release) -> Sequence[str]:
        """Put on record, once, which region serves which version; return the regions that keep it."""
        done = self.ledger.get(release.release_id, RegionsReported)
        if done is not None:
            return done.kept
        kept = kept_regions(release, self.ledger)
        self.record(
            release,
            RegionsReported(
                region=release.policy.region,
                outcome=release.outcome or "open",
                serving=serving_by_region(release, self.cloud_run, self.ledger),
                kept=tuple(kept),
                rollback_commands={region: tuple(commands) for region, commands in kept.items()},
                notified=_notify(context, release, kept) if kept else "not needed",
            ),
        )
        return list(kept)


def _notify(context: Context, release: Release, kept: Mapping[str, Sequence[str]]) -> str:
    """Notify the team of the regions that keep a rolled-back version; return how, or why not."""
    error = notify_team(context, release, "regions", *kept_message(release, kept))
    return f"via {release.policy.notified_via}" if error is None else error
