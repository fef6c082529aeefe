"""The frame of the page: one template that loads the scripts, or says one sentence. Values are escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from starlette.requests import Request
from starlette.responses import HTMLResponse

HERE = Path(__file__).parent


def respond(
    request: Request, *, title: str, status: int = 200, sentence: str = "", view: str = "", **named: str
) -> HTMLResponse:
    """Return a page: the view that a script fills from the API, of the ``named`` things, or a sentence.

    :param request: the HTTP request.
    :param title: of the page.
    :param status: HTTP status.
    :param sentence: what to say where there is no view.
    :param view: ``releases``, ``release`` or ``run``.
    """
    text = _template().render(
        page=request.scope["root_path"], title=title, sentence=sentence, view=view, named=named
    )
    return HTMLResponse(text, status_code=status)


@cache
def _template() -> Template:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    ).get_template("page.html")
