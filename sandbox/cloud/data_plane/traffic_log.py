"""The record of every split that the data plane really had."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from sandbox.cloud.run.names import ServiceName


class TrafficLog:
    """Appends one JSON line per applied split.

    :param path: the file; made with its folder when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    def record(self, service: ServiceName, split: Mapping[str, int]) -> None:
        """Write down that a service has this split from now on.

        :param service: the service.
        :param split: percent per revision, those without traffic left out.
        """
        line = {
            "at": time.time(),
            "project": service.project,
            "service": service.service,
            "split": dict(split),
        }
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
