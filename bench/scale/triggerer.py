"""Many bakes in one event loop, as a triggerer runs them: how late their checks are.

python -m bench.scale.triggerer BAKES SECONDS RELEASE
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar

import numpy as np
import structlog
from slipway.analysis.verdict import Decision
from slipway.triggers.bake import BakeTrigger
from slipway.triggers.foreign_changes import ForeignChanges

KIBIBYTE = 1024
#: Checks of the first seconds are of the start: every bake reads its release, and connects.
SETTLING_SECONDS = 30.0


class MeasuredBake(BakeTrigger):
    """A bake that notes when each check is due, and when it has its decision."""

    checks: ClassVar[list[tuple[float, float]]] = []

    async def _check(self, *args: Any, started: float, reading: Any, **others: Any) -> Decision:
        decision = await super()._check(*args, started=started, reading=reading, **others)
        self.checks.append((started + reading.due, time.time()))
        return decision


async def _unchanged(_: ForeignChanges, decision: Decision) -> Decision:
    """Stand for the comparison with the live service: there is no Cloud Run here."""
    return decision


async def _bake(release: str, after: float) -> None:
    await asyncio.sleep(after)
    trigger = MeasuredBake(
        release_id=release,
        phase="canary",
        started_at=datetime.now(UTC).isoformat(),
        ledger_conn_id="slipway_ledger",
        gcp_conn_id="google_cloud_default",
        promql_conn_id="slipway_promql",
    )
    async for event in trigger.run():
        raise RuntimeError(f"a bake ended: {event.payload}")


async def main(bakes: int, seconds: float, release: str) -> dict[str, float]:
    """Run bakes for a while.

    :param bakes: how many; they begin within the time between two checks, which are spread so.
    :param seconds: how long.
    :param release: the release on record that all of them bake.
    :return: figures, in seconds and bytes.
    """
    setattr(ForeignChanges, "weigh", _unchanged)  # noqa: B010 - a method of a class, replaced
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    dice, began = Random(1), time.time()
    work = [asyncio.create_task(_bake(release, dice.uniform(0, 15))) for _ in range(bakes)]
    settled = await _wait(work, min(seconds, SETTLING_SECONDS))
    used = await _wait(work, max(0.0, began + seconds - time.time()))
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    ends = [end for _, end in MeasuredBake.checks]
    due = [at for at, _ in MeasuredBake.checks if at >= began + SETTLING_SECONDS]
    late = [end - at for at, end in MeasuredBake.checks if at >= began + SETTLING_SECONDS]
    first = [end - at for at, end in MeasuredBake.checks if at < began + SETTLING_SECONDS]
    return {
        "checks": len(due),
        "expected": bakes * (seconds - SETTLING_SECONDS) / 15,
        "median": float(np.median(late or [seconds])),
        "p99": float(np.quantile(late or [seconds], 0.99)),
        "worst_at_start": max(first, default=0.0),
        "cpu_each": (used - settled) / max(1, sum(end >= began + SETTLING_SECONDS for end in ends)),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE,
    }


async def _wait(work: list[asyncio.Task[None]], seconds: float) -> float:
    """Let the bakes run; return the processor time that this process has used."""
    done, _ = await asyncio.wait(work, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()
    return time.process_time()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))))
