"""Jinja2 templates into pages: everything that is put into one is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from slipway.ledger.plan import RELEASE_DAG

HERE = Path(__file__).parent
#: Longest payload, in characters, that is shown in a page; a longer one is in the download.
SHOWN_PAYLOAD = 12_000


def respond(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page that shows the ``values``.

    :param request: the HTTP request.
    :param template: file in ``ui/templates``.
    :param status: HTTP status.
    """
    page: str = request.scope["root_path"]
    airflow = page.rpartition("/")[0]
    text = _environment().get_template(template).render(page=page, airflow=airflow, **values)
    return HTMLResponse(text, status_code=status)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": _moment, "machine": _machine, "payload": _payload}
    made.globals["run_path"] = _run_path
    return made


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _machine(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _payload(payload: Mapping[str, Any]) -> str | None:
    """Return a ledger entry's content as text, None when it is too long for a page."""
    text = json.dumps(payload, indent=2, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= SHOWN_PAYLOAD else None


def _run_path(run_id: str) -> str:
    """Return the path of a release's run in the Airflow UI."""
    return f"/dags/{RELEASE_DAG}/runs/{quote(run_id, safe='')}"
