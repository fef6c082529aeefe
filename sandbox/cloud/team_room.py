"""The team's chat room: takes messages as a chat's incoming webhook does, and keeps them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox.supervisor.settings import Settings

PATH = "/team-room"


def messages_file(settings: Settings) -> Path:
    """Return the file with one JSON line per message."""
    return settings.run / "team_room.jsonl"


def messages(settings: Settings) -> list[Mapping[str, Any]]:
    """Return what was said so far, each with the time ``at`` (seconds since the epoch)."""
    path = messages_file(settings)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def connection(cloud_url: str) -> dict[str, Any]:
    """Return the Airflow connection to the room: Apprise posts JSON with the message as ``text``.

    :param cloud_url: where the local cloud answers.
    """
    path = f"{cloud_url.replace('http', 'json', 1)}{PATH}?:message=text"
    return {"conn_type": "apprise", "extra": {"config": {"path": path}}}


def route(settings: Settings) -> Route:
    """Return the webhook: JSON with a ``text``, as Slack takes it, is answered with ``ok``."""

    async def take(request: Request) -> Response:
        try:
            message = await request.json()
        except ValueError:
            return PlainTextResponse("invalid_payload", status_code=400)
        if not isinstance(message, dict) or not message.get("text"):
            return PlainTextResponse("no_text", status_code=400)
        with messages_file(settings).open("a") as file:
            file.write(json.dumps({"at": time.time(), **message}) + "\n")
        return PlainTextResponse("ok")

    return Route(PATH, take, methods=["POST"])
