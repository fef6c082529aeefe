"""The live split of a service, asked of Cloud Run within seconds, once for all viewers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slipway.hooks.cloud_run.address import ServiceAddress

FRESH_SECONDS = 2.0
#: How long an answer waits for the first reading of a service.
WAIT_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LiveSplit:
    """What Cloud Run says of a service.

    :param split: percent by revision; None when it could not be read.
    :param read_at: when it was asked.
    :param trouble: why it could not be read; empty when it was.
    """

    split: Mapping[str, int] | None
    read_at: datetime
    trouble: str = ""


@dataclass
class _Asked:
    """The last reading of a service, and the one that is under way."""

    reading: Future[LiveSplit]
    asked: float
    last: LiveSplit | None = None


class LiveSplits:
    """Reads splits in threads of its own, so that a slow answer of Google holds up nobody.

    :param gcp_conn_id: connection to Google Cloud.
    """

    def __init__(self, gcp_conn_id: str = "google_cloud_default") -> None:
        self._gcp_conn_id = gcp_conn_id
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="slipway-live-split")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._asked: dict[ServiceAddress, _Asked] = {}

    def of(self, address: ServiceAddress) -> LiveSplit:
        """Return the split of a service, at most about two seconds old; an older one while Google is slow.

        :param address: where the service is.
        """
        with self._lock:
            asked = self._asked.get(address)
            if asked is None or (asked.reading.done() and monotonic() - asked.asked > FRESH_SECONDS):
                last = None if asked is None else asked.reading.result()
                asked = _Asked(self._threads.submit(self._read, address), monotonic(), last)
                self._asked[address] = asked
        if asked.last is not None and not asked.reading.done():
            return asked.last
        try:
            return asked.reading.result(timeout=WAIT_SECONDS)
        except TimeoutError:
            return LiveSplit(None, datetime.now(UTC), f"Cloud Run has not answered for {WAIT_SECONDS:g} s")

    def _read(self, address: ServiceAddress) -> LiveSplit:
        from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, serving_split

        try:
            hook = getattr(self._own, "hook", None)
            if hook is None:
                hook = self._own.hook = CloudRunTrafficHook(gcp_conn_id=self._gcp_conn_id)
            return LiveSplit(serving_split(hook.get_service(address)), datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with Google, the record has the split
            log.warning("the live split of %s cannot be read: %s", address, error)
            self._own.hook = None
            return LiveSplit(
                None, datetime.now(UTC), "Cloud Run cannot be read; the API server's log says why"
            )
