"""What was deployed after the revision that serves is named, and refused when no release made it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud import run_v2
from slipway.exceptions import RequestRefused
from slipway.hooks.cloud_run.template import digest
from slipway.ledger.entries import LeftOut, TemplateChange
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.newest_template import read_left_out, require_no_foreign_template

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import opened, two_regions

WEB = "netra-backend-prod"
SERVING, AT = f"{WEB}-old", datetime(2026, 3, 2, 9, tzinfo=UTC)
POLICY = load_policy("release.yaml")
FOUND = LeftOut(
    revision=f"{WEB}-00007-abc",
    by="eve@x.com",
    at=AT,
    changes=(TemplateChange(field="image", after="x"),),
)


class CloudRun:
    """A service, and its revisions by their short names.

    :param newest: the revision that was deployed last.
    """

    def __init__(self, newest: str, **revisions: run_v2.Revision) -> None:
        self.newest = newest
        self.revisions = revisions

    def get_service(self, _: Any) -> run_v2.Service:
        return run_v2.Service(
            latest_created_revision=f"projects/p/locations/l/services/{WEB}/revisions/{self.newest}",
            last_modifier="mal@x.com",
        )

    def get_revision(self, _: Any, revision: str) -> run_v2.Revision:
        return self.revisions[revision]


def revision(labels: dict[str, str] | None = None, creator: str = "", **env: str) -> run_v2.Revision:
    variables = [run_v2.EnvVar(name=name, value=value) for name, value in env.items()]
    return run_v2.Revision(
        labels=labels or {},
        creator=creator,
        create_time=AT,
        containers=[run_v2.Container(image="r/web:1", env=variables)],
    )


def left_out(cloud_run: Any, ledger: FakeLedger | None = None) -> LeftOut | None:
    return read_left_out(POLICY, "backend", SERVING, cloud_run, ledger or FakeLedger())


def test_nothing_was_deployed_after_what_serves() -> None:
    assert left_out(CloudRun(SERVING)) is None
    same = CloudRun(f"{WEB}-again", **{SERVING: revision(A="1"), f"{WEB}-again": revision(A="1")})
    assert left_out(same) is None, "another name is no difference"


@pytest.mark.parametrize(("creator", "by"), [("eve@x.com", "eve@x.com"), ("", "mal@x.com")])
def test_a_strangers_edit_is_named_with_its_author_and_without_its_value(creator: str, by: str) -> None:
    revisions = {SERVING: revision(), "hand": revision(creator=creator, BY_HAND="sesame")}
    found = left_out(CloudRun("hand", **revisions))
    assert found is not None
    assert (found.release, found.by, found.at) == (None, by, AT)
    assert [str(change) for change in found.changes] == [f"env BY_HAND absent -> {digest('sesame')}"]


def test_what_a_release_made_is_known_unless_only_its_label_is_left() -> None:
    ledger = FakeLedger()
    release = opened(ledger)
    label, own = {"slipway-release": release.release_id}, f"{WEB}-{release.release_id}"
    made = CloudRun(own, **{SERVING: revision(), own: revision(label, A="1")})
    by_hand = CloudRun("hand", **{SERVING: revision(), "hand": revision(label, A="1")})
    known, foreign = left_out(made, ledger), left_out(by_hand, ledger)
    assert known is not None
    assert foreign is not None
    assert (known.release, foreign.release) == (release.release_id, None)


def require(found: LeftOut, policy: Policy = POLICY, *, acknowledged: bool = False) -> None:
    require_no_foreign_template({WEB: found}, policy, {WEB: SERVING}, acknowledged=acknowledged)


def asking(policy: Policy) -> Policy:
    return parse_policy(policy.model_dump(mode="json") | {"on_foreign_template": "ask"}, source="of the test")


def test_a_strangers_edit_is_refused_with_difference_author_and_way_out() -> None:
    with pytest.raises(RequestRefused) as refused:
        require(FOUND)
    for words in (
        "leave_out_newest=False",
        f"revision {WEB}-00007-abc, deployed by eve@x.com at 2026-03-02 09:00:00 UTC",
        "image absent -> x",
        f"{SERVING} serves",
        "put it into the policy",
        '"Leave out other changes" (leave_out_newest)',
    ):
        assert words in str(refused.value)


def test_it_goes_on_when_acknowledged_when_a_release_made_it_and_when_the_approval_asks() -> None:
    require(FOUND, acknowledged=True)
    require(FOUND.model_copy(update={"release": "v1-1-0-abc"}))
    require(FOUND, asking(POLICY))
    later = asking(two_regions()).in_region("europe-west1")
    with pytest.raises(RequestRefused):
        require(FOUND, later)
