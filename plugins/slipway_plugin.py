"""What Slipway adds to Airflow's UI: the list of releases, and the Release tab of a run.

Every Airflow process and every task loads this file, so it imports next to nothing: the page is imported by
the API server alone, when it is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

PREFIX = "/slipway"


@cache
def _page() -> FastAPI:
    from slipway.ui.app import make_app

    return make_app()


class ReleasePage:
    """The Release page's application, made when it is asked for first.

    What is wrong with the page then fails the page, not the start of the API server, which every task needs.
    """

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Callable[[], Any], send: Callable[..., Any]
    ) -> None:
        """Serve a request."""
        page = await asyncio.to_thread(_page)
        await page(scope, receive, send)


class QuestionsAsAsked:
    """The middleware of :mod:`slipway.ui.asked_again`, imported by the API server alone."""

    def __new__(cls, app: Callable[..., Any]) -> Any:
        """Make the middleware.

        :param app: the API server.
        """
        from slipway.ui.asked_again import QuestionsAsAsked as Middleware

        return Middleware(app)


def _under_airflow(path: str) -> str:
    """Return a path of the page as a browser must ask for it, also where Airflow is not at the root."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + PREFIX + path


class SlipwayPlugin(AirflowPlugin):
    """The one plugin of Slipway."""

    name = "slipway"
    fastapi_apps = [{"name": "slipway", "app": ReleasePage(), "url_prefix": PREFIX}]  # noqa: RUF012
    fastapi_root_middlewares = [  # noqa: RUF012
        {"name": "slipway questions", "middleware": QuestionsAsAsked, "args": [], "kwargs": {}}
    ]
    external_views = [  # noqa: RUF012
        {
            "name": "Releases",
            "href": _under_airflow("/releases"),
            "destination": "nav",
            "url_route": "releases",
            "nav_top_level": True,
        },
        {
            "name": "Release",
            "href": _under_airflow("/dags/{DAG_ID}/runs/{RUN_ID}"),
            "destination": "dag_run",
            "url_route": "release",
        },
    ]
