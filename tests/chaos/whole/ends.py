"""How a release ended that met a fault, read from every place that tells it, and where these disagree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from slipway.exceptions import ReleaseUnknown
from slipway.ledger.entries import PromotionRolledBack
from slipway.ledger.ledger import Ledger, Release
from slipway.ledger.listing import ReleaseFilter
from slipway.ui.api.links import Links
from slipway.ui.api.listing import releases

from sandbox.cloud import team_room
from tests.chaos.whole import faults

if TYPE_CHECKING:
    from tests.chaos.whole.faults import Happening
    from tests.chaos.whole.installation import Installation
    from tests.chaos.whole.wave import Subject

#: A request that was under way when a server was killed, and one that came before it was there again.
MARGIN_SECONDS = 1.0


def messages(subject: Subject, installation: Installation) -> Iterator[str]:
    """Yield the messages of how a release ended.

    :param subject: the release, or its rollback.
    :param installation: has the team's room.
    """
    try:
        undone = Ledger().get(subject.release_id, PromotionRolledBack) is not None
    except ReleaseUnknown:
        undone = False
    event = "promotion_rolled_back" if undone else "outcome"
    for message in team_room.messages(installation.settings):
        if f"({subject.release_id}, {event})" in str(message["text"]):
            yield str(message["text"])


def disagreements(
    subject: Subject, installation: Installation, happenings: Sequence[Happening]
) -> Iterator[str]:
    """Yield where what stands is not what must; how it ended is noted in ``subject``.

    :param subject: the release, or its rollback.
    :param installation: what it depends on.
    :param happenings: what failed while it went on.
    """
    ledger, split = Ledger(), subject.service.split()
    try:
        release = ledger.release(subject.release_id)
    except ReleaseUnknown:
        subject.ended = "not begun"
        if split != subject.before:
            yield f"never opened, and {split} serves"
        return
    # The daily anchoring, for what could not be anchored meanwhile.
    ledger.anchor(subject.release_id)
    found = ledger.verification.of(subject.release_id)
    if not found.holds:
        yield f"the record does not hold: {found}"
    if release.outcome is None:
        yield "it is open for ever"
        return
    subject.ended = release.outcome.replace("_", " ")
    if subject.begun_again:
        subject.ended += ", ordered again"
    promoted = release.outcome == "promoted"
    if subject.kind == "rollback" and promoted:
        yield "its rollback was lost"
    elif promoted and subject.kind == "bad":
        yield f"{subject.kind}, and promoted"
    if split != ({subject.revision: 100} if promoted else subject.before):
        yield f"{subject.ended}, and {split} serves"
    yield from _told_otherwise(subject, release, installation)
    locked = [subject.service.name]
    ledger.leases.require_unlocked(locked, production=release.policy.environments["production"])
    yield from _lost(subject, happenings)


def _told_otherwise(subject: Subject, release: Release, installation: Installation) -> Iterator[str]:
    ledger = Ledger()
    listed = releases(ledger, ReleaseFilter(service=subject.service.name), None, Links("/slipway"), page=1)
    states = [line.state for line in listed.releases if line.id == subject.release_id]
    if states != [release.outcome]:
        yield f"{subject.ended}, and the page says {states}"
    count = len(list(messages(subject, installation)))
    # One is sent again only where a try was lost before it had on record that it had sent it.
    if not 1 <= count <= 1 + len(subject.run.errors):
        yield f"{count} messages of its outcome"
    if count > 1:
        subject.ended += ", told twice" if count == 2 else f", told {count} times"


def _lost(subject: Subject, happenings: Sequence[Happening]) -> Iterator[str]:
    assert subject.users is not None
    windows = [
        (happening.began or 0.0, happening.ended or 0.0)
        for happening in happenings
        if "Cloud Run" in happening.fault.name or faults.PLANE in happening.fault.name
    ]
    lost = [
        each
        for each in subject.users.lost
        if not any(
            each.ended >= began - MARGIN_SECONDS and each.began <= ended + MARGIN_SECONDS
            for began, ended in windows
        )
    ]
    if lost:
        yield f"{len(lost)} of {subject.users.served} requests lost, as {lost[0]}"
