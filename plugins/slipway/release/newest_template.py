"""What was deployed after the revision that serves: a release is not built on it, and names it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slipway.exceptions import ReleaseUnknown, RequestRefused, RevisionNotFound
from slipway.ledger.entries import LeftOut
from slipway.release.address import service_address
from slipway.release.new_revision import Base, changes_between
from slipway.release.serving_versions import RELEASE_LABEL

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.ledger.ledger import Ledger
    from slipway.policy.release import Policy


def read_left_out(
    policy: Policy, key: str, serving: str, cloud_run: CloudRunTrafficHook, ledger: Ledger
) -> LeftOut | None:
    """Return how a service's newest revision differs from the one that serves, None when it does not.

    Two revisions are compared, not the service's template with a revision: what Cloud Run fills in
    is then the same on both sides. Every change of a template makes a revision.

    :param policy: of the release.
    :param key: the service's key in it.
    :param serving: short name of the production revision that serves.
    :param cloud_run: the door to Cloud Run.
    :param ledger: the record of the releases.
    :raises CloudRunError: when the service cannot be read.
    """
    address = service_address(policy, policy.services[key].names["production"])
    live = cloud_run.get_service(address)
    name = str(live.latest_created_revision).rpartition("/")[2]
    if name in ("", serving) or live.template.revision == serving:
        return None
    try:
        newest, base = cloud_run.get_revision(address, name), cloud_run.get_revision(address, serving)
    except RevisionNotFound:
        return None  # a rollback target that is gone is refused as such; the newest cannot be deleted
    changes = changes_between(Base(base, None), newest, policy, key)
    if not changes:
        return None
    return LeftOut(
        revision=name,
        by=newest.creator or live.last_modifier or "an unknown author",
        at=newest.create_time,
        release=_maker(newest, name, ledger),
        changes=changes,
    )


def require_no_foreign_template(
    left_out: Mapping[str, LeftOut], policy: Policy, serving: Mapping[str, str | None], *, acknowledged: bool
) -> None:
    """Refuse a release while something that no release made was deployed after what serves.

    What a release on record left is named in the entry and refuses nothing: how that release ended is known.

    :param left_out: by service, what differs.
    :param policy: refuses, or leaves the question to the approval.
    :param serving: by service, the revision that serves.
    :param acknowledged: whether the request says to go on without it.
    :raises RequestRefused: with the difference, its author, and the ways to go on.
    """
    foreign = {service: found for service, found in left_out.items() if found.release is None}
    # A later region's release asks for no approval.
    asked = policy.on_foreign_template == "ask" and policy.region_before is None
    if not foreign or acknowledged or asked:
        return
    found = "; ".join(
        f"service {service}: {one.described()}; {serving[service]} serves" for service, one in foreign.items()
    )
    raise RequestRefused(
        f"leave_out_newest=False: {found}. Nothing was changed. Wanted: put it into the policy, or give that"
        ' revision all the traffic first. Not wanted: set "Leave out other changes" (leave_out_newest)'
    )


def _maker(revision: run_v2.Revision, name: str, ledger: Ledger) -> str | None:
    """Return the release on record that made a revision; who deploys by hand takes its label over."""
    try:
        release = ledger.release(revision.labels.get(RELEASE_LABEL, ""))
    except ReleaseUnknown:
        return None
    made = {service.revisions["production"] for service in release.plan.services.values()}
    return release.release_id if name in made else None
