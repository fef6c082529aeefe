"""The list of releases: filtered, by pages, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, cast

from slipway.analysis.verdict import Verdict
from slipway.ledger.listing import FoundRelease, ReleaseFilter
from slipway.ui.api.links import Links
from slipway.ui.api.models.base import State
from slipway.ui.api.models.listing import ListedRelease, ReleaseList
from slipway.ui.api.models.release import Waiting
from slipway.ui.api.questions import open_questions
from slipway.ui.api.standing import NOT_BEGUN, progress_at, state_of, summary
from slipway.ui.api.steps import current_phase, phase_of

if TYPE_CHECKING:
    from slipway.ledger.ledger import Ledger
    from slipway.ledger.refused import RefusedRequest

PER_PAGE = 25
SoughtState = State | Literal["open"]


def releases(
    ledger: Ledger, sought: ReleaseFilter, state: SoughtState | None, links: Links, *, page: int
) -> ReleaseList:
    """Return a page of the list.

    :param ledger: the record of releases.
    :param sought: the filter without the state.
    :param state: how the releases must stand; None for all.
    :param links: addresses.
    :param page: number of the page, from 1 on.
    """
    offset = (page - 1) * PER_PAGE
    if state in ("promoted", "rolled_back", "refused", "open", None):
        sought = replace(sought, outcome=state)
        found, total = ledger.listing.find(sought, limit=PER_PAGE, offset=offset)
        lines = _lines(ledger, found, links)
    else:
        # A few releases are open at a time; how one stands is in its record.
        found, _ = ledger.listing.find(replace(sought, outcome="open"), limit=None)
        standing = [line for line in _lines(ledger, found, links) if line.state == state]
        lines, total = standing[offset : offset + PER_PAGE], len(standing)
    filters = ledger.listing.filters()
    return ReleaseList(
        releases=tuple(lines),
        page=page,
        per_page=PER_PAGE,
        total=total,
        products=tuple(filters.products),
        services=tuple(filters.services),
        people=tuple(filters.people),
    )


def refused_line(request: RefusedRequest, links: Links) -> ListedRelease:
    """Return a refused request as a line of the list.

    :param request: the request.
    :param links: addresses.
    """
    return ListedRelease(
        id=None,
        run_id=request.run_id,
        run_url=links.run(request.run_id),
        version=request.version,
        product=None,
        region=request.request.get("region"),
        services=(),
        state="refused",
        progress=NOT_BEGUN,
        summary=request.reason,
        asked_by=request.actor,
        opened_at=request.refused_at,
        ended_at=request.refused_at,
    )


def _lines(ledger: Ledger, found: Sequence[FoundRelease], links: Links) -> Sequence[ListedRelease]:
    going_on = {row.run_id: row.release_id for row in found if row.outcome is None}
    waiting = open_questions(going_on) if going_on else {}
    return [_line(ledger, row, waiting.get(row.run_id), links) for row in found]


def _line(ledger: Ledger, row: FoundRelease, waiting: Waiting | None, links: Links) -> ListedRelease:
    if row.outcome is not None:
        state = cast("State", row.outcome)
        words = row.reason or ""
        phase = current_phase({gate: Verdict(verdict) for gate, verdict in (row.gates or {}).items()})
    else:
        release, record = ledger.release(row.release_id), ledger.entries(row.release_id)
        state = state_of(release, record, waiting)
        words = summary(release, record, state, waiting)
        phase = phase_of(record)
    return ListedRelease(
        id=None if row.outcome == "refused" else row.release_id,
        run_id=row.run_id,
        run_url=links.run(row.run_id),
        version=row.version,
        product=row.product,
        region=row.region,
        services=tuple(row.services),
        state=state,
        progress=NOT_BEGUN if row.outcome == "refused" else progress_at(phase),
        summary=words,
        asked_by=row.actor,
        opened_at=row.opened_at,
        ended_at=row.closed_at,
    )
