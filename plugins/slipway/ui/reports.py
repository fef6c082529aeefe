"""The report of a release, from where it is kept."""

from __future__ import annotations

import hashlib
import logging
from typing import Literal

from fastapi import APIRouter, HTTPException, Response

from slipway.exceptions import SlipwayError
from slipway.ledger.chain import Record
from slipway.ledger.entries import ReportDeleted, ReportWritten
from slipway.ui.addresses import ReleaseId
from slipway.ui.sources import reading_ledger

#: A report styles itself and shows the drawings that it holds, and does nothing else.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
)
_TYPES = {"html": "text/html; charset=utf-8", "json": "application/json"}
log = logging.getLogger(__name__)
router = APIRouter()

Kind = Literal["html", "json"]


class ReportUnreadable(SlipwayError):  # noqa: N818 - named for the state it reports
    """A report is not where, or not as, it was written."""


@router.get("/releases/{release_id}/report.{kind}")
def report(release_id: ReleaseId, kind: Kind) -> Response:
    """Show the newest report of a release."""
    with reading_ledger() as ledger:
        record = ledger.entries(ledger.release(release_id).release_id)
    newest = kept_report(record)
    if newest is None:
        raise HTTPException(404)
    if kind == "html":
        return report_response(newest.page, newest.page_sha256, kind)
    return report_response(newest.data, newest.data_sha256, kind)


def kept_report(record: Record) -> ReportWritten | None:
    """Return the newest report of a release; None before there is one, and once it is deleted.

    :param record: everything on record of the release.
    """
    kept = [
        written
        for written in record.of_kind(ReportWritten)
        if record.get(ReportDeleted, edition=written.edition) is None
    ]
    return kept[-1] if kept else None


def report_response(place: str, digest: str, kind: Kind) -> Response:
    """Return a report as it was written.

    :param place: its address in Airflow's object storage, as it is on record.
    :param digest: its SHA-256 on record.
    :param kind: ``html`` or ``json``.
    :raises ReportUnreadable: when it is not there, or not as it was written.
    """
    from airflow.sdk import ObjectStoragePath

    try:
        content = ObjectStoragePath(place).read_bytes()
    except Exception as error:
        # Each kind of storage raises its own errors, and not all of them are the system's.
        log.exception("the report %s cannot be read", place)
        raise ReportUnreadable(
            f"The report cannot be read at {place}: the API server must reach that place."
        ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise ReportUnreadable(f"The report at {place} is not as it was written: its digest differs.")
    return Response(content, media_type=_TYPES[kind], headers={"Content-Security-Policy": REPORT_POLICY})
