"""A question that a task puts again is shown as it was put last: ASGI middleware of Airflow's API server.

Airflow 3.3 keeps the text, the options and the fields of a task instance's first question whatever the task
asks later: ``upsert_hitl_detail`` only takes the answer off it. A person would then read, and Airflow would
accept the answers of, a question that nobody asks any more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

Message = MutableMapping[str, Any]

_QUESTION = re.compile(r"/execution/hitlDetails/([0-9a-f-]{36})$")
_CREATED = 201


class QuestionsAsAsked:
    """Writes what a task asks over what it asked before, once Airflow has let the task ask.

    :param app: the API server.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve a request."""
        found = _QUESTION.search(scope["path"]) if scope["type"] == "http" else None
        if found is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = bytearray()

        async def read() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def answer(message: Message) -> None:
            # The task waits for this answer: it parks only after the question is as it asks it.
            if message["type"] == "http.response.start" and message["status"] == _CREATED:
                await asyncio.to_thread(_write, UUID(found[1]), bytes(body))
            await send(message)

        await self._app(scope, read, answer)


def _write(ti_id: UUID, body: bytes) -> None:
    from airflow.api_fastapi.execution_api.datamodels.hitl import HITLDetailRequest
    from airflow.models.hitl import HITLDetail  # noqa: TID251 - the API server's own table
    from airflow.utils.session import create_session
    from sqlalchemy import update

    asked = HITLDetailRequest.model_validate_json(body)
    values = asked.model_dump(include={"subject", "body", "options", "defaults", "multiple", "params"})
    assignees = [user.model_dump() for user in asked.assigned_users]
    with create_session() as session:
        session.execute(
            update(HITLDetail)
            .where(HITLDetail.ti_id == ti_id)
            .values(assignees=assignees, created_at=datetime.now(UTC), **values)
        )
