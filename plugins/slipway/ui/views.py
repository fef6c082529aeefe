"""The pages. They only read, and run in threads: the API server's event loop is not theirs."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, HTTPException, Path, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from slipway.ledger.bakes import Bake, recorded_bakes
from slipway.ledger.chain import first_broken
from slipway.ledger.entries import ChangesPlanned, EvidenceRecorded, IncidentReported, ReleaseOpened
from slipway.ledger.ledger import Ledger
from slipway.ledger.plan import RELEASE_DAG
from slipway.ledger.timeline import headline, outcome_of, phases, traffic
from slipway.policy.release import PhaseName
from slipway.ui.headers import DRAWING_POLICY
from slipway.ui.sources import read_targets, reading_ledger
from slipway.ui.templates import HERE, respond

PER_PAGE = 25

router = APIRouter()

ReleaseId = Annotated[str, Path(pattern=r"^v[0-9a-z-]{1,100}$")]
AirflowId = Annotated[str, Path(pattern=r"^[\w.~:+-]+$", max_length=250)]


@router.get("/releases")
def releases(request: Request, page: Annotated[int, Query(ge=1, le=10_000)] = 1) -> Response:
    """List the releases, the newest first."""
    with reading_ledger() as ledger:
        found = ledger.listing.releases(limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE)
    return respond(request, "releases.html", lines=found[:PER_PAGE], number=page, more=len(found) > PER_PAGE)


@router.get("/releases/{release_id}")
def release(request: Request, release_id: ReleaseId) -> Response:
    """Show a release."""
    with reading_ledger() as ledger:
        return _release_page(request, ledger, release_id)


@router.get("/dags/{dag_id}/runs/{run_id}")
def run(request: Request, dag_id: AirflowId, run_id: AirflowId) -> Response:
    """Show the release of a run, or say that it has none."""
    if dag_id != RELEASE_DAG:
        sentence = f"A run of the DAG {dag_id} releases nothing. Releases are runs of the DAG {RELEASE_DAG}."
        return respond(request, "message.html", title="No release", sentence=sentence)
    with reading_ledger() as ledger:
        release_id = ledger.listing.release_of_run(run_id)
        if release_id is None:
            sentence = (
                "This run has opened no release: it was refused, or has not come that far yet. Its preflight"
                " tasks say which."
            )
            return respond(request, "message.html", title="No release", sentence=sentence)
        return _release_page(request, ledger, release_id)


@router.get("/releases/{release_id}/evidence/{phase}/{number}.svg")
def drawing(release_id: ReleaseId, phase: PhaseName, number: Annotated[int, Path(ge=1, le=100)]) -> Response:
    """Show the evidence of a bake as it was drawn at its verdict."""
    with reading_ledger() as ledger:
        svg = ledger.drawings.read(ledger.release(release_id).release_id, Bake(phase, number))
    if svg is None:
        raise HTTPException(404)
    return Response(svg, media_type="image/svg+xml", headers={"Content-Security-Policy": DRAWING_POLICY})


@router.get("/releases/{release_id}/ledger.json")
def ledger_download(release_id: ReleaseId) -> Response:
    """Return everything on record with its hashes, for an auditor who computes the chain himself."""
    with reading_ledger() as ledger:
        entries = ledger.entries(ledger.release(release_id).release_id)
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
    broken = first_broken(release_id, entries)
    return JSONResponse(
        {"release": release_id, "first_broken_entry": broken, "entries": listed},
        headers={"Content-Disposition": f'attachment; filename="{release_id}-ledger.json"'},
    )


@router.get("/page.css")
def style() -> Response:
    """Return the style of the pages."""
    return FileResponse(HERE / "static" / "page.css", media_type="text/css")


@router.get("/leave_frame.js")
def leave_frame() -> Response:
    """Return the script that makes links to Airflow work in Airflow's frame."""
    return FileResponse(HERE / "static" / "leave_frame.js", media_type="text/javascript")


def _release_page(request: Request, ledger: Ledger, release_id: str) -> Response:
    found, entries, drawn = (
        ledger.release(release_id),
        ledger.entries(release_id),
        ledger.drawings.kept(release_id),
    )
    keys = {entry.key for entry in entries}
    bakes = [
        (bake, verdict, bake in drawn)
        for phase in get_args(PhaseName)
        for bake, verdict in recorded_bakes(entries, phase)
        if EvidenceRecorded.key_of(phase=phase, round=bake.number) in keys
    ]
    opened = entries.get(ReleaseOpened)
    return respond(
        request,
        "release.html",
        release=found,
        headline=headline(found, entries),
        outcome=outcome_of(found),
        asked=None if opened is None else opened.reason,
        opened=opened,
        incident=entries.get(IncidentReported),
        planned=entries.get(ChangesPlanned, environment="production"),
        phases=phases(entries),
        traffic=traffic(found, entries),
        bakes=bakes,
        targets=read_targets(),
        entries=entries,
        broken=first_broken(found.release_id, entries),
    )
