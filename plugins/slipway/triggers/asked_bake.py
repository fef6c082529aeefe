"""The metrics stay checked while a person is asked about a phase: whichever decides first ends the wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow.triggers.base import TriggerEvent

from slipway.analysis.verdict import Decision, Verdict
from slipway.triggers.bake import BakeTrigger
from slipway.triggers.threads import READ, in_thread

if TYPE_CHECKING:
    from slipway.policy.release import Phase


class AskedBakeTrigger(BakeTrigger):
    """Checks the metrics of a phase while its question stands; only a rollback verdict ends it.

    The event is a verdict, or the answer as :func:`slipway.release.asking.answer_of` reads it. An answer
    resumes the task without this trigger; it only finds one that came before the task waited.

    :param ti_id: id of the task instance whose question stands.
    :param options: what may be answered.
    :param safe: the option that counts when nobody answers in time.
    :param until: ISO moment until which the question may be answered.
    """

    def __init__(self, *, ti_id: str, options: Sequence[str], safe: str, until: str, **bake: Any) -> None:
        super().__init__(**bake)
        self.ti_id = ti_id
        self.options = options
        self.safe = safe
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that make the same trigger again."""
        path, arguments = super().serialize()
        own = {name: getattr(self, name) for name in ("ti_id", "options", "safe", "until")}
        return path, arguments | own

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: a rollback verdict after the brake, or the answer."""
        release = await in_thread(READ, self._release)
        answer, bake = asyncio.create_task(self._answer()), asyncio.create_task(self._bake(release))
        try:
            await asyncio.wait((answer, bake), return_when=asyncio.FIRST_COMPLETED)
            if bake.done() and bake.result()[0].verdict is Verdict.ROLLBACK:
                event = await self._verdict(release, *bake.result())
            else:
                event = await answer
        finally:
            answer.cancel()
            bake.cancel()
        yield event

    async def _answer(self) -> TriggerEvent:
        from airflow.providers.standard.triggers.hitl import HITLTrigger

        question = HITLTrigger(
            ti_id=UUID(self.ti_id),
            options=list(self.options),
            params={},
            defaults=[self.safe],
            timeout_datetime=datetime.fromisoformat(self.until),
        )
        return await anext(aiter(question.run()))

    def _ends(self, decision: Decision) -> bool:
        return decision.verdict is Verdict.ROLLBACK

    def _length(self, phase: Phase) -> float:
        whole = datetime.fromisoformat(self.until) - datetime.fromisoformat(self.started_at)
        return whole.total_seconds()
