"""An operator run to its end as Airflow would: when it defers, its trigger runs, and the operator goes on."""

from __future__ import annotations

import asyncio
from typing import Any

from airflow.sdk.exceptions import TaskDeferred
from slipway.operators.base import ReleaseOperator


def run_to_end(operator: ReleaseOperator, context: Any) -> Any:
    """Return what an operator returns in the end."""
    step, arguments = operator.execute, dict[str, Any]()
    while True:
        try:
            return step(context, **arguments)
        except TaskDeferred as deferred:
            event = asyncio.run(only_event(deferred.trigger))
            step = getattr(operator, deferred.method_name)
            arguments = {**(deferred.kwargs or {}), "event": event}


async def only_event(trigger: Any) -> Any:
    """Return the payload of the one event that a trigger yields."""
    (event,) = [event async for event in trigger.run()]
    return event.payload
