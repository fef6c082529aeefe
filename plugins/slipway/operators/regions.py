"""Operators that carry a version from one region of production to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.branch import BranchMixIn
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException

from slipway.analysis.inherited_evidence import is_inherited, judge_evidence
from slipway.exceptions import CloudRunError, NotificationFailed, ReleaseConflict, ServiceNotFound
from slipway.ledger.outcome import outcome_of
from slipway.operators.base import ReleaseOperator
from slipway.operators.gates import GateOperator
from slipway.release.regions import earlier_releases, rollback_commands
from slipway.release.serving_versions import version_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class FirstOrLaterRegionOperator(ReleaseOperator, BranchMixIn):
    """Begin with staging, or, for a region that follows another one, with what that one's release proved.

    :param first: tasks that begin the release to the first region.
    :param later: task that begins the release to a later one.
    """

    inherits_from_skipmixin = True

    def __init__(self, *, first: Sequence[str], later: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.first = first
        self.later = later

    def execute(self, context: Context) -> Any:
        """Follow the plan."""
        release = self.release(context)
        begins = release.plan.follows is None
        self.log.info(
            "audit",
            release=release.release_id,
            entry="region",
            region=release.policy.region,
            regions=release.policy.regions,
            follows=release.plan.follows,
        )
        return self.do_branch(context, list(self.first) if begins else self.later)


class EarlierRegionGateOperator(GateOperator):
    """Take over what the release to the region before proved of the version, and go on only if it is enough.

    The entries are written with where they come from: the release, and the entry's hash in its chain.
    """

    def judge(self, release: Release, context: Context) -> Mapping[str, Any]:
        """Weigh the evidence that was taken over."""
        source = str(release.plan.follows)
        for entry in self.ledger.entries(source):
            if is_inherited(entry.key):
                origin = {"release": source, "sequence": entry.sequence, "hash": entry.hash}
                self.ledger.append(release.release_id, entry.key, {"taken_over": origin, **entry.payload})
        entries = {entry.key: entry.payload for entry in self.ledger.entries(release.release_id)}
        return judge_evidence(
            {key: payload for key, payload in entries.items() if is_inherited(key)},
            release.policy.staging_validation,
            source=source,
        )


class ReportRegionsOperator(ReleaseOperator):
    """Put on record which region serves which version when a release has ended.

    When a later region was rolled back, the earlier ones keep the version. The team is told which these are,
    and by which commands their traffic goes back. Skipped where production has one region.
    """

    def execute(self, context: Context) -> Mapping[str, Any]:
        """Return the versions by region and service."""
        release = self.release_or_skip(context)
        if len(release.policy.regions) == 1:
            raise AirflowSkipException("production has one region")
        done = self.ledger.entry(release.release_id, "regions")
        if done is not None:
            return dict(done["serving"])
        serving = {region: self._serving(release, region) for region in release.policy.regions}
        self.log.info("regions:\n%s", "\n".join(f"{region}: {found}" for region, found in serving.items()))
        undone = release.outcome == "rolled_back"
        kept = list(earlier_releases(release, self.ledger)) if undone else []
        back = {earlier.policy.region: rollback_commands(earlier) for earlier in kept}
        told = self._tell(context, release, back) if back else "nothing to tell"
        self.record(
            release,
            "regions",
            region=release.policy.region,
            outcome=outcome_of(release),
            serving=serving,
            kept=list(back),
            rollback_commands=back,
            told=told,
        )
        return serving

    def _serving(self, release: Release, region: str) -> dict[str, Any]:
        """Return who serves in a region; another region's outage does not prevent the record."""
        from slipway.hooks.cloud_run.hook import serving_split

        policy, found = release.policy, dict[str, Any]()
        for service in release.plan.services.values():
            name = service.names["production"]
            where: dict[str, Any] = {
                "project_id": policy.environments["production"].project_id,
                "location": region,
                "service": name,
            }
            try:
                split = serving_split(self.cloud_run.get_service(**where))
                found[name] = {
                    revision: {
                        "percent": percent,
                        "version": version_of(
                            self.cloud_run.get_revision(**where, revision=revision),
                            revision,
                            policy,
                            self.ledger,
                        ),
                    }
                    for revision, percent in split.items()
                    if percent
                }
            except ServiceNotFound:
                found[name] = {}
            except CloudRunError as error:
                self.log.warning("region %s cannot be read: %s", region, error)
                found[name] = {"unknown": str(error)}
        return found

    def _tell(self, context: Context, release: Release, back: Mapping[str, Sequence[str]]) -> str:
        from slipway.notifiers.team import TeamNotifier

        connection, region = release.policy.checklist.notification.connection, release.policy.region
        ended = f"Release {release.version} was rolled back in {region}: {release.reason}"
        commands = "\n".join(command for found in back.values() for command in found)
        notifier = TeamNotifier(
            message=f"{ended}\n{', '.join(back)} keep it. To give their traffic back to what served before:\n"
            f"{commands or 'nothing served before'}",
            subject=f"Release {release.version} was rolled back in {region}; {', '.join(back)} keep it",
            conn_id=connection,
            details={"release": release.release_id, "event": "regions"},
        )
        try:
            notifier.notify(context)
        except NotificationFailed as error:
            self.log.exception("the team could not be told")
            return str(error)
        return f"told through {connection}"


class ReleaseNextRegionOperator(ReleaseOperator):
    """Begin the release to the next region, once: its run is named after the first region's release.

    Done again it finds the run and is skipped, as it is when there is no further region.

    :raises ReleaseConflict: when this region was not promoted.
    """

    def execute(self, context: Context) -> None:
        """Trigger the same DAG for the next region."""
        release = self.release(context)
        if release.outcome != "promoted":
            raise ReleaseConflict(
                f"release {release.release_id} to {release.policy.region}: {outcome_of(release)}; no further"
                " region gets it"
            )
        region = release.policy.region_after
        if region is None:
            raise AirflowSkipException(f"{release.policy.region} is the last region")
        first = [release, *earlier_releases(release, self.ledger)][-1]
        run = f"{first.release_id}--{region}"
        conf = {
            "version": release.version,
            "policy": context["params"]["policy"],
            "region": region,
            "follows": release.release_id,
        }
        self.record(release, f"next_region/{region}", run=run, conf=conf)
        # What Airflow's own operator raises; importing that one takes longer than a DAG file may.
        raise DagRunTriggerException(
            trigger_dag_id=self.dag_id,
            dag_run_id=run,
            conf=conf,
            reset_dag_run=False,
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=0,
            deferrable=False,
        )
