"""The lease of a service: who holds it, when it runs out, and what is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import run_v2
from slipway.exceptions import ReleaseConflict
from slipway.hooks.cloud_run.leases import (
    Lease,
    annotations_with,
    annotations_without,
    foreign_lease,
    labelled_head,
    lease_of,
    put_lease,
)
from slipway.ledger.anchors import Head

NOW = datetime.now(UTC).replace(microsecond=0)
MINE = Lease("v2-0-0-bbb", "second", NOW + timedelta(hours=1))


def service(**annotations: str) -> run_v2.Service:
    return run_v2.Service(name="projects/p/locations/l/services/web", annotations=annotations)


def held(until: str | datetime) -> run_v2.Service:
    text = until if isinstance(until, str) else until.isoformat()
    return service(
        **{"slipway-lease-release": "v1-0-0-aaa", "slipway-lease-run": "first", "slipway-lease-until": text}
    )


def test_the_end_of_the_record_is_a_label_that_is_short_enough_and_others_stay() -> None:
    head = Head("v1-1-0-a", 12, "ab" * 32)
    current = run_v2.Service(labels={"team": "payments"})
    written = run_v2.Service()
    assert put_lease(written, current, replace(MINE, head=head.label)) == ["annotations", "labels"]
    assert written.labels["team"] == "payments"
    found = labelled_head(written)
    assert found is not None
    assert len(found[1]) <= 63
    back = Head.of_label(*found)
    assert (back.release_id, back.sequence) == (MINE.release, 12)
    assert head.hash.startswith(back.hash)
    assert put_lease(run_v2.Service(), current, MINE) == ["annotations"]
    assert labelled_head(current) is None


def test_what_is_written_is_read_again_and_keeps_what_else_is_there() -> None:
    written = annotations_with(service(team="payments"), MINE)
    assert written["team"] == "payments"
    assert lease_of(service(**written)) == MINE
    assert annotations_without(service(**written), MINE.release) == {"team": "payments"}


def test_a_service_that_is_held_is_refused_and_its_holder_named() -> None:
    with pytest.raises(
        ReleaseConflict, match=r"web: release v1-0-0-aaa \(run first, until 20.* UTC\) holds it"
    ):
        annotations_with(held(NOW + timedelta(hours=1)), MINE)


def test_a_lease_that_ran_out_is_taken_over() -> None:
    written = annotations_with(held(NOW - timedelta(seconds=1)), MINE)
    assert lease_of(service(**written)) == MINE


@pytest.mark.parametrize("until", ["", "tomorrow", "9999-12-31T23:59:59-12:00"])
def test_an_end_that_cannot_be_read_never_comes(until: str) -> None:
    assert foreign_lease(held(until), MINE.release) is not None
    with pytest.raises(ReleaseConflict):
        annotations_with(held(until), MINE)


def test_another_ones_lease_is_not_freed() -> None:
    other = held(NOW + timedelta(hours=1))
    assert annotations_without(other, MINE.release) == dict(other.annotations)


def test_the_own_lease_is_renewed() -> None:
    later = Lease(MINE.release, MINE.run, MINE.until + timedelta(hours=1))
    assert lease_of(service(**annotations_with(service(**MINE.annotations()), later))) == later
