"""Threads for calls that block, by how urgent they are.

A triggerer bakes hundreds of releases in one event loop, and the loop's own few threads are everybody's. Here
a brake never waits behind a comparison that waits for Google, nor a comparison behind a write to the ledger.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

#: Emergency brakes, and the evidence that they leave.
BRAKE = ThreadPoolExecutor(max_workers=32, thread_name_prefix="slipway-brake")
#: Reads of releases and of the live services.
READ = ThreadPoolExecutor(max_workers=16, thread_name_prefix="slipway-read")
#: The newest checks, for who looks at them.
KEEP = ThreadPoolExecutor(max_workers=1, thread_name_prefix="slipway-kept-checks")


async def in_thread(threads: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    """Run a blocking call in one of the threads; who cancels it lets the thread finish.

    :param threads: those of its urgency.
    :param call: what blocks.
    :return: what the call returns.
    """
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(threads, context.run, call)
