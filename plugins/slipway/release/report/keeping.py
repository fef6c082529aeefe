"""Writing a report where Airflow's object storage keeps it: a folder, or a bucket."""

from __future__ import annotations

import hashlib
import logging
from base64 import b64encode
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from slipway.ledger.entries import PromotionRolledBack, ReportWritten
from slipway.paths import INCLUDE, object_folder, without_waiting
from slipway.release.report.content import Report, report_of

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath
    from jinja2 import Template

    from slipway.ledger.ledger import Ledger, Release

FOLDER_VARIABLE = "SLIPWAY_REPORTS"
log = logging.getLogger(__name__)


def report_folder() -> ObjectStoragePath:
    """Return where reports are kept.

    ``SLIPWAY_REPORTS`` names the folder or bucket. Workers and the API server must reach the same place.
    """
    return object_folder(FOLDER_VARIABLE, "reports")


def write_report(release: Release, ledger: Ledger) -> ReportWritten | None:
    """Write the report of a release that has ended, once for each end; never fails a release.

    :param release: the release.
    :param ledger: its record.
    :return: what goes on record; None when it is written already, or could not be, which is logged.
    """
    try:
        record = ledger.entries(release.release_id)
        edition = 1 if record.get(PromotionRolledBack) is None else 2
        if record.get(ReportWritten, edition=edition) is not None:
            return None
        drawings = {
            bake: svg
            for bake in sorted(ledger.drawings.kept(release.release_id), key=str)
            if (svg := ledger.drawings.read(release.release_id, bake)) is not None
        }
        report = report_of(release, record, drawings)
        name = release.release_id if edition == 1 else f"{release.release_id}-{edition}"
        page, data = page_of(report).encode(), report.model_dump_json(indent=1).encode()
        folder = report_folder()

        def write() -> None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.html").write_bytes(page)
            (folder / f"{name}.json").write_bytes(data)

        without_waiting(write)
        return ReportWritten(
            edition=edition,
            page=str(folder / f"{name}.html"),
            data=str(folder / f"{name}.json"),
            page_sha256=hashlib.sha256(page).hexdigest(),
            data_sha256=hashlib.sha256(data).hexdigest(),
            met=sum(criterion.met is True for criterion in report.criteria),
            criteria=len(report.criteria),
        )
    except Exception:
        log.exception("The report of release %s is not written", release.release_id)
        return None


def page_of(report: Report) -> str:
    """Return a report as one page that needs nothing else.

    :param report: the report.
    """
    return _template().render(report=report)


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(INCLUDE / "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": _moment, "picture": _picture}
    return made.get_template("release.html")


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"


def _picture(svg: str) -> str:
    """Return a drawing as an address of an image, in which nothing can run."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
