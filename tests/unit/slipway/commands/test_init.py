"""What a stranger may type: each refusal names the thing, the value and the way out, and writes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions as google_errors
from google.cloud import run_v2
from slipway.__main__ import main
from slipway.hooks.cloud_run.client import CloudRunClient
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
from slipway.policy.release import load_policy

LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
Init = Callable[..., tuple[int, str]]


def revision(*containers: run_v2.Container) -> run_v2.Revision:
    return run_v2.Revision(name="rates-1", containers=containers)


SERVING = run_v2.Container(
    name="web", image="europe-docker.pkg.dev/p/r/rates:1.0.0", ports=[{"container_port": 8080}]
)


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> list[run_v2.Revision]:
    """What serves; the fake Cloud Run has the service `rates` of the project `a-shop` alone."""
    serves = [revision(SERVING)]

    class Services:
        def get_service(self, *, name: str, **_: Any) -> run_v2.Service:
            if "/a-shop/" not in name:
                raise google_errors.PermissionDenied("Permission 'run.services.get' denied")
            if not name.endswith("/rates"):
                raise google_errors.NotFound("Resource not found")
            split = [{"type_": LATEST, "revision": "rates-1", "percent": 100}]
            return run_v2.Service(name=name, traffic_statuses=split)

    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", "google-cloud-platform://")
    monkeypatch.setattr(CloudRunClient, "_client", lambda *_: Services())
    monkeypatch.setattr(CloudRunTrafficHook, "get_revision", lambda *_: serves[0])
    return serves


@pytest.fixture
def init(serving: list[run_v2.Revision], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Init:
    """Run the command; return its exit code, and what it printed."""

    def run(project: str = "a-shop", service: str = "rates", *more: str) -> tuple[int, str]:
        where = ["--project", project, "--region", "europe-west1", "--service", service]
        code = main(["init", *where, "--folder", str(tmp_path), *more])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_a_service_gets_its_policy(init: Init, tmp_path: Path) -> None:
    code, printed = init()
    assert code == 0, printed
    assert load_policy("rates.yaml", directory=tmp_path).name == "rates"


@pytest.mark.parametrize(
    ("typed", "refused"),
    [
        (("other", "rates"), r"rates \(other.*: the account may not read .*grant roles/run.developer"),
        (("a-shop", "nothing"), r"service nothing \(a-shop.*: does not exist; check project, region"),
        (("a-shop", "Rates"), r"name Rates: has other characters .*; name the product with --name, such as"),
        (("a-shop", "rates", "--name", "../rates"), r"name \.\./rates: has other characters"),
        (("a-shop", "rates", "--name", "null"), r"policy null\.yaml: name"),
        (("a-shop", "rates", "--folder", "/nowhere"), "folder /nowhere: is no folder; make it, or name"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name_and_nothing_is_written(
    typed: tuple[str, ...], refused: str, init: Init, tmp_path: Path
) -> None:
    code, printed = init(*typed)
    assert code == 1
    assert re.search(refused, printed), printed
    assert len(printed.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_policy_that_is_there_stays_as_it_is(init: Init, tmp_path: Path) -> None:
    (tmp_path / "rates.yaml").write_text("mine")
    code, printed = init()
    assert (code, (tmp_path / "rates.yaml").read_text()) == (1, "mine")
    assert "rates.yaml: exists; name another product with --name, or delete the file" in printed


def test_of_two_containers_the_one_with_a_port_is_released(
    init: Init, serving: list[run_v2.Revision], tmp_path: Path
) -> None:
    serving[0] = revision(run_v2.Container(name="collector", image="collector:2"), SERVING)
    code, printed = init()
    assert code == 0, printed
    assert "Of its containers europe-docker.pkg.dev/p/r/rates is released; collector stays" in printed
    assert load_policy("rates.yaml", directory=tmp_path).services["rates"].image.endswith("/rates")


def test_without_a_connection_it_says_how_to_make_one(
    init: Init, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT")
    code, printed = init()
    assert code == 1
    assert "airflow connections add google_cloud_default --conn-type google_cloud_platform" in printed
    assert list(tmp_path.iterdir()) == []
