"""What is done to a release whose canary bakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from slipway.hooks.cloud_run.traffic import BY_REVISION, serving_split

from sandbox.demo.airflow_client import AirflowClient
from sandbox.demo.story import SERVICE
from sandbox.supervisor.settings import HOST, Settings

BAKE = "phase_3_canary.bake"
PARENT = "projects/sandbox-production/locations/us-central1"


@dataclass(frozen=True)
class Drilled:
    """A release whose canary bakes, and the doors to act on it.

    :param run_id: its Airflow run.
    :param stable: the revision that served before.
    :param revision: its own revision.
    """

    airflow: AirflowClient
    cloud: run_v2.ServicesClient
    run_id: str
    stable: str
    revision: str

    def split(self) -> Mapping[str, int]:
        """Return who serves now."""
        return serving_split(self.cloud.get_service(name=f"{PARENT}/services/{SERVICE}"))

    def set_split(self, percent: int) -> None:
        """Give the new revision a share by hand, as a stranger does in the console.

        :param percent: its share.
        """
        service = self.cloud.get_service(name=f"{PARENT}/services/{SERVICE}")
        service.traffic = [
            run_v2.TrafficTarget(type_=BY_REVISION, revision=revision, percent=share)
            for revision, share in ((self.stable, 100 - percent), (self.revision, percent))
            if share
        ]
        self.cloud.update_service(service=service).result(timeout=30)  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Act:
    """Something that is done to a release, and what must be said of it afterwards.

    :param title: what is done.
    :param do: does it.
    :param words: part of the release's reason in the ledger.
    """

    title: str
    do: Callable[[Drilled], None]
    words: str


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


def _change_and_answer(drilled: Drilled) -> None:
    drilled.set_split(60)
    drilled.airflow.answer_when_asked("release", drilled.run_id, BAKE, "Roll back")


def _mark_run(state: str) -> Callable[[Drilled], None]:
    return lambda drilled: drilled.airflow.mark_run("release", drilled.run_id, state)


def _mark_bake(state: str) -> Callable[[Drilled], None]:
    return lambda drilled: drilled.airflow.mark_task("release", drilled.run_id, BAKE, state)


ACTS = (
    Act("run marked as failed", _mark_run("failed"), "marked the run as failed"),
    Act("run marked as success", _mark_run("success"), "marked the run as success"),
    Act("bake marked as success", _mark_bake("success"), "no verdict on record"),
    Act("60 % by hand, answered: Roll back", _change_and_answer, "changed by"),
)
