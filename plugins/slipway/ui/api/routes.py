"""The routes of the API. They only read, and run in threads: the API server's event loop is not theirs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from pydantic import BeforeValidator

from slipway.ledger.bakes import Bake
from slipway.ledger.chain import Record, first_broken
from slipway.ledger.listing import ReleaseFilter
from slipway.ledger.plan import RELEASE_DAG
from slipway.policy.release import PhaseName
from slipway.ui.addresses import AirflowId, ReleaseId
from slipway.ui.api import details, listing
from slipway.ui.api.links import Links
from slipway.ui.api.models.base import Problem
from slipway.ui.api.models.details import (
    BusinessValue,
    Changes,
    Checklist,
    Gates,
    Incident,
    Infrastructure,
    LedgerRecord,
    Notifications,
)
from slipway.ui.api.models.evidence import Bakes
from slipway.ui.api.models.listing import ReleaseList, RunRelease
from slipway.ui.api.models.release import ReleaseNow
from slipway.ui.api.now import ReleasesNow, etag
from slipway.ui.api.permits import Permits, signed_in_user
from slipway.ui.headers import DRAWING_POLICY
from slipway.ui.sources import read_targets, reading_ledger

ENTRIES_PER_PAGE = 50

_PROBLEMS: Mapping[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "Nobody is signed in to Airflow."},
    403: {"model": Problem, "description": "The user may not read the DAG of the releases."},
    404: {"model": Problem, "description": "There is no such release, or nothing of that kind of it."},
    422: {"model": Problem, "description": "A part of the address that it cannot have."},
    503: {"model": Problem, "description": "The ledger cannot be read."},
}

router = APIRouter(prefix="/api", responses=dict(_PROBLEMS))

PageNumber = Annotated[int, Query(ge=1, le=10_000, description="number of the page, from 1 on")]


Text = Annotated[str | None, BeforeValidator(lambda found: found or None)]
Day = Annotated[date | None, BeforeValidator(lambda found: found or None)]
Sought = Annotated[listing.SoughtState | None, BeforeValidator(lambda found: found or None)]


def _midnight(day: date | None, *, days: int = 0) -> datetime | None:
    """Return the beginning of a UTC day, or of one some days later."""
    return None if day is None else datetime.combine(day, time(), tzinfo=UTC) + timedelta(days=days)


def _links(request: Request) -> Links:
    return Links(request.scope["root_path"])


@cache
def releases_now() -> ReleasesNow:
    """Return what all viewers of this process share."""
    return ReleasesNow()


LinksDep = Annotated[Links, Depends(_links)]


def _record(release_id: str, links: Links) -> Record:
    """Return everything on record of a release, from what the viewers share."""
    with reading_ledger() as ledger:
        return releases_now().on_record(ledger, release_id, links).record


@router.get("/openapi.json", include_in_schema=False)
def openapi(links: LinksDep) -> JSONResponse:
    """The API as OpenAPI."""
    return JSONResponse(
        get_openapi(
            title="Slipway",
            version="1",
            summary="Releases: how they stand, where the traffic is, why, and what can be done now.",
            routes=router.routes,
            servers=[{"url": links.page or "/"}],
        )
    )


@router.get("/releases")
def releases(
    links: LinksDep,
    product: Annotated[Text, Query(description="name of a policy; refused requests are of none")] = None,
    service: Annotated[Text, Query(description="name of a production service that is released")] = None,
    state: Annotated[Sought, Query(description="how it stands; `open`: it has not ended")] = None,
    person: Annotated[Text, Query(description="who asked for it")] = None,
    since: Annotated[Day, Query(description="opened on this UTC day or later, `YYYY-MM-DD`")] = None,
    until: Annotated[Day, Query(description="opened on this UTC day or before, `YYYY-MM-DD`")] = None,
    page: PageNumber = 1,
) -> ReleaseList:
    """The releases and the refused requests, the newest first."""
    sought = ReleaseFilter(product, service, person, _midnight(since), _midnight(until, days=1))
    with reading_ledger() as ledger:
        return listing.releases(ledger, sought, state, links, page=page)


@router.get("/runs/{dag_id}/{run_id}")
def run(dag_id: AirflowId, run_id: AirflowId, links: LinksDep) -> RunRelease:
    """The release of an Airflow run, or why it has none."""
    if dag_id != RELEASE_DAG:
        words = f"A run of the DAG {dag_id} releases nothing. Releases are runs of the DAG {RELEASE_DAG}."
        return RunRelease(release=None, refused=None, detail=words)
    with reading_ledger() as ledger:
        found, refused = ledger.listing.release_of_run(run_id), ledger.refused.of_run(run_id)
    if found is not None:
        return RunRelease(release=found, refused=None, detail="")
    return RunRelease(
        release=None,
        refused=None if refused is None else listing.refused_line(refused, links),
        detail="This run has opened no release yet. Its preflight tasks say how far it is."
        if refused is None
        else f"Refused: {refused.reason}",
    )


@router.get(
    "/releases/{release_id}",
    response_model=ReleaseNow,
    responses={304: {"description": "Nothing but the time has changed since the answer with this `ETag`."}},
)
def release(
    release_id: ReleaseId,
    links: LinksDep,
    user: Annotated[Any, signed_in_user()],
    if_none_match: Annotated[str | None, Header(description="`ETag` of the answer that is known")] = None,
) -> Response:
    """How it stands, where the traffic is, why, and what can be done now."""
    with reading_ledger() as ledger:
        answer = releases_now().answer(ledger, release_id, Permits(user), links)
    tag = etag(answer)
    if if_none_match is not None and tag in if_none_match:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(answer.model_dump_json(), media_type="application/json", headers={"ETag": tag})


@router.get("/releases/{release_id}/evidence")
def evidence(release_id: ReleaseId, links: LinksDep) -> Bakes:
    """Every bake that has a verdict, with its metrics."""
    with reading_ledger() as ledger:
        return Bakes(bakes=releases_now().on_record(ledger, release_id, links).bakes)


@router.get(
    "/releases/{release_id}/evidence/{phase}/{number}.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {}}}},
)
def drawing(release_id: ReleaseId, phase: PhaseName, number: Annotated[int, Path(ge=1, le=100)]) -> Response:
    """The evidence of a bake as it was drawn at its verdict."""
    with reading_ledger() as ledger:
        ledger.version(release_id)
        svg = ledger.drawings.read(release_id, Bake(phase, number))
    if svg is None:
        raise HTTPException(404)
    return Response(svg, media_type="image/svg+xml", headers={"Content-Security-Policy": DRAWING_POLICY})


@router.get("/releases/{release_id}/changes")
def changes(release_id: ReleaseId, links: LinksDep) -> Changes:
    """What the release changes: templates, configuration, schema."""
    return details.changes(_record(release_id, links))


@router.get("/releases/{release_id}/checklist")
def checklist(release_id: ReleaseId, links: LinksDep) -> Checklist:
    """The checklists before, during and after the deployment."""
    return details.checklist(_record(release_id, links))


@router.get("/releases/{release_id}/infrastructure")
def infrastructure(release_id: ReleaseId, links: LinksDep) -> Infrastructure:
    """What production stands on, as it was found before the release."""
    return details.infrastructure(_record(release_id, links))


@router.get("/releases/{release_id}/gates")
def gates(release_id: ReleaseId, links: LinksDep) -> Gates:
    """Every decision, and who answered."""
    return details.gates(_record(release_id, links))


@router.get("/releases/{release_id}/business")
def business(release_id: ReleaseId) -> BusinessValue:
    """The business targets of the release's product on the newest reviewed day, dated from its launch."""
    with reading_ledger() as ledger:
        product = ledger.release(release_id).plan.policy_name
    return details.business(read_targets(product))


@router.get("/releases/{release_id}/notifications")
def notifications(release_id: ReleaseId, links: LinksDep) -> Notifications:
    """Every message to the team."""
    return details.notifications(_record(release_id, links))


@router.get("/releases/{release_id}/incident")
def incident(release_id: ReleaseId, links: LinksDep) -> Incident:
    """The incident report, where there is one."""
    return details.incident(_record(release_id, links))


@router.get("/releases/{release_id}/ledger")
def ledger_record(release_id: ReleaseId, links: LinksDep, page: PageNumber = 1) -> LedgerRecord:
    """A page of the record, and what the verification of all of it found."""
    with reading_ledger() as ledger:
        ledger.version(release_id)
        record, verified = ledger.entries(release_id), ledger.verification.of(release_id)
    return details.ledger_page(release_id, record, verified, links, page=page, per_page=ENTRIES_PER_PAGE)


@router.get("/releases/{release_id}/ledger/export")
def ledger_export(release_id: ReleaseId) -> JSONResponse:
    """Everything on record with its hashes, for an auditor who computes the chain himself."""
    with reading_ledger() as ledger:
        ledger.version(release_id)
        entries, verified = ledger.entries(release_id), ledger.verification.of(release_id)
    listed = [
        {
            "sequence": entry.sequence,
            "key": entry.key,
            "at": entry.at.isoformat(),
            "payload": entry.payload,
            "previous_hash": entry.previous_hash,
            "hash": entry.hash,
        }
        for entry in entries
    ]
    return JSONResponse(
        {
            "release": release_id,
            "first_broken_entry": first_broken(release_id, entries),
            "verified": verified.sentence,
            "entries": listed,
        },
        headers={"Content-Disposition": f'attachment; filename="{release_id}-ledger.json"'},
    )
