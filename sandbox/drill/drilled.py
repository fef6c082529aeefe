"""A release that is acted on, and the doors to act on it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from slipway.hooks.cloud_run.traffic import BY_REVISION, serving_split
from slipway.ledger.chain import GENESIS, canonical, entry_hash

from sandbox.databases import postgres
from sandbox.demo.airflow_client import AirflowClient
from sandbox.demo.story import SERVICE
from sandbox.drill.machinery import Machinery
from sandbox.supervisor.settings import HOST, Settings

if TYPE_CHECKING:
    from sandbox.drill.matrix import Place

PARENT = "projects/sandbox-production/locations/us-central1"
NAME = f"{PARENT}/services/{SERVICE}"
_CHANGE_SECONDS = 60.0
_DELETE_SECONDS = 30.0
_AGE_RELEASES = "UPDATE opened_release SET opened_at = opened_at - interval '7 days'"
_AGE_ENTRY = (
    "UPDATE ledger_entry SET at = %s, previous_hash = %s, hash = %s WHERE release_id = %s AND sequence = %s"
)


class LiveService:
    """The backend in production, as a stranger with Google's own client sees and changes it.

    :param settings: the sandbox.
    """

    def __init__(self, settings: Settings) -> None:
        self._cloud = cloud_client(settings)

    def split(self) -> Mapping[str, int]:
        """Return who serves now."""
        return serving_split(self._read())

    def set_split(self, split: Mapping[str, int]) -> None:
        """Set who serves, as a stranger does in the console.

        :param split: percent by revision.
        """
        service = self._read()
        service.traffic = [
            run_v2.TrafficTarget(type_=BY_REVISION, revision=revision, percent=percent)
            for revision, percent in split.items()
        ]
        self._write(service)

    def deploy(self, mark: str) -> str:
        """Deploy another revision without traffic, and return its name.

        :param mark: value of the variable by which it differs.
        """
        service = self._read()
        variables = [one for one in service.template.containers[0].env if one.name != "BY_HAND"]
        service.template.containers[0].env = [*variables, run_v2.EnvVar(name="BY_HAND", value=mark)]
        service.template.revision = ""
        self._write(service)
        return self._read().latest_ready_revision.rpartition("/")[2]

    def _read(self) -> run_v2.Service:
        return self._cloud.get_service(name=NAME)

    def _write(self, service: run_v2.Service) -> None:
        self._cloud.update_service(service=service).result(timeout=_CHANGE_SECONDS)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Drilled:
    """A release, and the doors to act on it.

    :param run_id: its Airflow run.
    :param stable: the revision that served before.
    :param revision: its own revision.
    :param spare: a revision without traffic that is no release's.
    """

    settings: Settings
    airflow: AirflowClient
    live: LiveService
    machinery: Machinery
    run_id: str
    stable: str
    revision: str
    spare: str

    def set_foreign_split(self, *, own: bool) -> None:
        """Set a split by hand.

        :param own: whether the release's own revision is in it, or one that is no release's.
        """
        other, percent = (self.revision, 60) if own else (self.spare, 10)
        self.live.set_split({self.stable: 100 - percent, other: percent})

    def pin(self) -> None:
        """Give all traffic to the stable revision by hand."""
        self.live.set_split({self.stable: 100})

    def deploy_by_hand(self) -> None:
        """Deploy something else by hand, without traffic."""
        self.live.deploy(str(time.time()))

    def misbehave(self) -> None:
        """Let the release's version answer with errors from now on."""
        misbehaviour(self.settings).touch()

    def mark_task_success(self, place: Place) -> None:
        """Mark the task at which the release stands as a success."""
        self.airflow.mark_task("release", self.run_id, str(place.task), "success")

    def clear(self, place: Place) -> None:
        """Clear the task at which the release stands, or the whole run of one that has ended."""
        if place.task is None:
            self.airflow.clear_run("release", self.run_id)
        else:
            self.airflow.clear_task("release", self.run_id, place.task)

    def delete(self) -> None:
        """Delete the run; where Airflow refuses that, mark it as failed first, as its message proposes.

        :raises httpx.HTTPStatusError: when Airflow refuses it then too.
        """
        answer = self.airflow.delete_run("release", self.run_id)
        if answer.status_code == httpx.codes.CONFLICT:
            self.airflow.mark_run("release", self.run_id, "failed")
        deadline = time.monotonic() + _DELETE_SECONDS
        while answer.status_code == httpx.codes.CONFLICT and time.monotonic() < deadline:
            # What the mark leaves running, the teardown, keeps the run for some seconds.
            time.sleep(0.2)
            answer = self.airflow.delete_run("release", self.run_id)
        answer.raise_for_status()

    def kill_worker(self, place: Place) -> None:
        """Kill the worker that carries out the task at which the release stands."""
        self.airflow.wait_for_task("release", self.run_id, str(place.task), "running", bound=_DELETE_SECONDS)
        self.machinery.kill_worker()


def misbehaviour(settings: Settings) -> Path:
    """Return the file with which the version of the drill, and no other, answers with errors."""
    return settings.home / "misbehave"


def outage(settings: Settings) -> Path:
    """Return the file with which every version answers with errors."""
    return settings.home / "outage"


def age_by_a_week(settings: Settings) -> None:
    """Move the releases of the ledger a week into the past, as its superuser: every chain is made again."""
    with psycopg.connect(postgres.uri(settings, "slipway")) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(_AGE_RELEASES)
        rows = connection.execute(
            "SELECT release_id, sequence, key, at, payload FROM ledger_entry ORDER BY release_id, sequence"
        ).fetchall()
        previous = GENESIS
        for release_id, sequence, key, at, payload in rows:
            before, aged = GENESIS if sequence == 1 else previous, at - timedelta(days=7)
            previous = entry_hash(before, release_id, sequence, key, aged, canonical(payload))
            connection.execute(_AGE_ENTRY, (aged, before, previous, release_id, sequence))


def cloud_client(settings: Settings) -> run_v2.ServicesClient:
    """Return Google's own client on the local cloud.

    :param settings: the sandbox.
    """
    options = ClientOptions(api_endpoint=f"http://{HOST}:{settings.google_port}")
    return run_v2.ServicesClient(
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        transport="rest",
        client_options=options,
    )
