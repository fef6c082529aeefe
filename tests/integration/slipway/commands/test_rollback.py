"""The way without Airflow: a process of its own restores the traffic, from the ledger or from a file."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from slipway.__main__ import main
from slipway.exceptions import ReleaseConflict
from slipway.ledger.entries import PromotionRolledBack, ReleaseOpened, RollbackOrdered, TrafficRestored
from slipway.release.rollback.record import FOLDER_VARIABLE, record_path

from sandbox.supervisor.settings import REPOSITORY
from tests.integration.slipway.operators.conftest import product, steps
from tests.integration.slipway.operators.steps import Steps

pytestmark = pytest.mark.sandbox
__all__ = ["product", "steps"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]
#: The whole command, the start of Python included.
SECONDS = 10
NOWHERE = {"AIRFLOW_CONN_SLIPWAY_LEDGER": "postgres://nobody:hunter2@127.0.0.1:1/ledger"}


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "records"))
    return tmp_path / "records"


@pytest.fixture
def canary(steps: Steps) -> Steps:
    """A release whose new revision has a share of the traffic; its run is gone."""
    steps.open()
    steps.deploy()
    steps.shift()
    assert steps.product.web.split()["stable"] == 90
    return steps


def command(
    *arguments: str | Path, home: Path, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command where there is no Airflow: an empty home, a metadata database that nobody serves."""
    absent = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nobody@127.0.0.1:1/airflow",
        "PYTHONPATH": str(REPOSITORY / "plugins"),
    }
    return subprocess.run(
        [sys.executable, "-m", "slipway", "rollback", *map(str, arguments)],
        env={**os.environ, **absent, **(variables or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process, which has imported everything already."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        code = main(["rollback", *map(str, arguments)])
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return run


def processor_seconds() -> float:
    """Return what the commands have taken so far: on a free core one takes as long."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def load(url: str, answers: list[int]) -> Iterator[None]:
    """Ask a service a hundred times a second, and note every answer's status; 0 for none."""
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(trust_env=False, timeout=10) as client:
            while not done.wait(0.02):
                try:
                    answers.append(client.get(f"{url}/health").status_code)
                except httpx.HTTPError:
                    answers.append(0)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_it_restores_the_traffic_within_seconds_and_drops_no_request(canary: Steps, tmp_path: Path) -> None:
    web, answers = canary.product.web, list[int]()
    with load(web.read().uri, answers):
        while len(answers) < 20:
            time.sleep(0.1)
        began = processor_seconds()
        ran = command(canary.release_id, "--reason", "wrong prices", home=tmp_path)
        seconds = processor_seconds() - began
        asked = len(answers)
        while len(answers) < asked + 20:
            time.sleep(0.1)
    assert ran.returncode == 0, ran.stderr
    assert web.split() == {"stable": 100}
    assert set(answers) == {200}, f"{len(answers)} requests"
    assert seconds <= SECONDS, ran.stdout
    name = web.address.service
    assert re.search(
        rf"{name}: {name}-stable 90 %, .* 10 % -> {name}-stable 100 %.*, \d+\.\d s$", ran.stdout, re.MULTILINE
    )
    ordered = canary.entry(RollbackOrdered, tier="traffic")
    assert (ordered.reason, ordered.source) == ("wrong prices", "command line")
    assert canary.entry(TrafficRestored).changes[name].changed
    ended = canary.product.ledger.release(canary.release_id)
    assert ended.outcome == "rolled_back"
    assert ended.reason == f"ordered by {ordered.actor}: wrong prices"
    assert canary.product.ledger.verification.of(canary.release_id).holds


def test_what_was_rolled_back_stays_so(canary: Steps, run: Run) -> None:
    assert run(canary.release_id).returncode == 0
    web = canary.product.web
    with pytest.raises(ReleaseConflict, match="changes nothing any more"):
        canary.shift("half")
    assert web.split() == {"stable": 100}

    etag, entries = web.read().etag, canary.product.ledger.entries(canary.release_id)
    again = run(canary.release_id)
    assert again.returncode == 0, again.stderr
    assert "Nothing to do" in again.stdout
    assert web.read().etag == etag
    assert canary.product.ledger.entries(canary.release_id) == entries

    split = {canary.revision: 60, canary.product.stable: 40}
    web.hook.set_traffic(web.address, split=split, timeout=30)
    by_hand = run(canary.release_id)
    assert by_hand.returncode == 0, by_hand.stderr
    assert web.split() == {"stable": 100}
    assert canary.entry(TrafficRestored, round=2).changes[web.address.service].before == split


def test_without_the_ledger_the_file_that_the_release_wrote_is_enough(
    canary: Steps, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = record_path(canary.release_id)
    with monkeypatch.context() as nowhere:
        for name, value in NOWHERE.items():
            nowhere.setenv(name, value)
        refused = run(canary.release_id)
    assert refused.returncode == 1
    assert f"add --record with the file that the release wrote, such as {path}" in refused.stderr
    assert "hunter2" not in refused.stderr
    assert canary.product.web.split()["stable"] == 90
    began = processor_seconds()
    ran = command(canary.release_id, "--record", path, home=tmp_path, variables=NOWHERE)
    assert processor_seconds() - began <= SECONDS
    assert ran.returncode == 0, ran.stderr
    assert canary.product.web.split() == {"stable": 100}
    assert "The ledger cannot be reached" in ran.stderr
    assert "Not on record" in ran.stdout
    later = run(canary.release_id)
    assert later.returncode == 0, later.stderr
    assert canary.product.ledger.release(canary.release_id).outcome == "rolled_back"


def test_a_promoted_release_goes_back_and_is_no_promotion_any_more(canary: Steps, run: Run) -> None:
    canary.shift("half")
    canary.shift("full")
    canary.close("promoted")
    ran = run(canary.release_id)
    assert ran.returncode == 0, ran.stderr
    assert canary.product.web.split() == {"stable": 100}
    ledger = canary.product.ledger
    assert ledger.release(canary.release_id).outcome == "rolled_back"
    assert "ordered by" in canary.entry(PromotionRolledBack).reason
    assert ledger.promotions("token-optimization") == []


def test_neither_a_plan_nor_what_cannot_be_done_moves_anything(canary: Steps, run: Run) -> None:
    etag, entries = canary.product.web.read().etag, canary.product.ledger.entries(canary.release_id)
    plan = run(canary.release_id, "--plan-only")
    assert plan.returncode == 0, plan.stderr
    (by_hand,) = canary.entry(ReleaseOpened).rollback_commands
    name = canary.product.web.address.service
    assert by_hand in plan.stdout
    assert f"10 % -> {name}-stable 100 %" in plan.stdout

    for arguments, words in (
        (["v9-9-9-abcdef"], "release='v9-9-9-abcdef': no release with this id is on record; the newest are"),
        (
            [canary.release_id, "--record", "/nowhere.rollback.json"],
            "record=/nowhere.rollback.json: cannot be",
        ),
        ([canary.release_id, "--reason", " "], "reason=' ': say in a few words why"),
    ):
        refused = run(*arguments)
        assert refused.returncode == 1
        assert words in refused.stderr
    assert canary.product.web.read().etag == etag
    assert canary.product.ledger.entries(canary.release_id) == entries
