"""The control plane's state on disk, so that a restarted cloud comes back with what it had."""

from __future__ import annotations

import json
from pathlib import Path

from sandbox.cloud.operations import OperationStore
from sandbox.cloud.run.jobs import JobStore
from sandbox.cloud.run.services import ServiceStore
from sandbox.cloud.run.urls import Urls


class StateFile:
    """Saves and loads services, revisions, operations and URLs.

    :param path: the JSON file.
    :param store: the services and their revisions.
    :param operations: the long-running operations.
    :param urls: the URLs of services and tags.
    :param jobs: the jobs and their executions.
    """

    def __init__(
        self, path: Path, store: ServiceStore, operations: OperationStore, urls: Urls, jobs: JobStore
    ) -> None:
        self._path = path
        self._store = store
        self._jobs = jobs
        self._operations = operations
        self._urls = urls

    def save(self) -> None:
        """Replace the file in one step."""
        state = {
            "run": self._store.dump(),
            "operations": self._operations.dump(),
            "urls": self._urls.dump(),
            "jobs": self._jobs.dump(),
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(state))
        draft.replace(self._path)

    def load(self) -> None:
        """Take over what was saved, if anything was."""
        if not self._path.exists():
            return
        state = json.loads(self._path.read_text())
        self._store.load(state["run"])
        self._operations.load(state["operations"])
        self._jobs.load(state["jobs"])
        self._urls.load(state["urls"], {service.name: service for service in self._store.services()})
