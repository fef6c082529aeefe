"""The sandbox's chat room keeps what it is told, and refuses what a chat's webhook would."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from sandbox.cloud import team_room
from sandbox.supervisor.settings import Settings

pytestmark = pytest.mark.asyncio


async def test_messages_are_kept_in_their_order(tmp_path: Path) -> None:
    settings = Settings(tmp_path, 21000)
    settings.run.mkdir()
    assert team_room.messages(settings) == []
    room = httpx.ASGITransport(Starlette(routes=[team_room.route(settings)]))
    async with httpx.AsyncClient(transport=room, base_url="http://room") as client:
        for text in ("one", "two"):
            answer = await client.post(team_room.PATH, json={"text": text, "release": "r"})
            assert (answer.status_code, answer.text) == (200, "ok")
        for content in (b"{", b"[]", b'{"words": "x"}'):
            assert (await client.post(team_room.PATH, content=content)).status_code == 400
    said = team_room.messages(settings)
    assert [message["text"] for message in said] == ["one", "two"]
    assert said[0]["at"] <= said[1]["at"]
