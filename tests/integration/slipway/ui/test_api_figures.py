"""What the API costs with 1,000 releases and 100,000 entries recorded: ``make bench-api`` prints it.

The bounds hold on a busy machine too; a query without its index, or one per line of a list, exceeds them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from statistics import median, quantiles
from typing import TYPE_CHECKING

import pytest
from slipway.analysis.counts import Counts
from slipway.analysis.evidence_record import EvidenceRecord
from slipway.analysis.evidence_series import series_of
from slipway.ledger.bakes import Bake
from slipway.ledger.chain import GENESIS, Record, canonical, entry_hash
from slipway.ledger.ledger import Ledger, Release
from slipway.ledger.listing import ReleaseFilter
from slipway.triggers.kept_checks import POINTS
from slipway.ui.api.now import POLL_SECONDS
from slipway.ui.sources import reading_ledger

from tests.integration.slipway.releases import (
    BACKEND,
    failing_bake,
    open_release,
    roll_back_from_canary,
    shift,
)

if TYPE_CHECKING:
    from starlette.testclient import TestClient

pytestmark = [pytest.mark.sandbox, pytest.mark.exhaustive]

RELEASES, ENTRIES_EACH, ASKED = 1000, 100, 60
#: Ten times the figure that is to be reached on a machine of its own (100 ms).
MOST_SECONDS = 1.0
#: Twice the figure that is to be reached: 2 % of a core.
MOST_PERCENT_OF_A_CORE = 4.0

COPY_RELEASES = """
INSERT INTO opened_release (release_id, version, run_id, actor, plan, policy, stable, opened_at)
SELECT 'v1-2-' || n || '-abcdef', '1.2.' || n, 'manual__' || n, 'person-' || n %% 20, plan, policy, stable,
       opened_at - n * interval '1 hour'
FROM opened_release, generate_series(1, %(releases)s) AS n WHERE release_id = %(id)s
"""
COPY_ENTRIES = "COPY ledger_entry (release_id, sequence, key, at, payload, previous_hash, hash) FROM STDIN"


@pytest.fixture
def recorded(ledger: Ledger) -> Release:
    """A running release over many that have ended."""
    ended = open_release(ledger, "1.1.0")
    roll_back_from_canary(ledger, ended)
    running = open_release(ledger, "1.2.0")
    shift(ledger, running, "canary", 10)
    known = ledger.entries(ended.release_id)
    with ledger._store.transaction() as cursor:
        cursor.execute(COPY_RELEASES, {"id": ended.release_id, "releases": RELEASES - 2})
        with cursor.copy(COPY_ENTRIES) as copy:
            for number in range(1, RELEASES - 1):
                for row in _chain(f"v1-2-{number}-abcdef", known):
                    copy.write_row(row)
    return running


def _chain(release_id: str, known: Record) -> Iterator[tuple[str, int, str, datetime, str, str, str]]:
    """Yield ``ENTRIES_EACH`` entries of a release as the ledger writes them: first those of another one."""
    sent = {"event": "e", "subject": "s", "connection": "c"}
    contents = [(entry.key, entry.payload) for entry in known]
    contents += [(f"notified/event-{number}", sent) for number in range(len(known), ENTRIES_EACH)]
    previous = GENESIS
    for sequence, (key, content) in enumerate(contents, start=1):
        payload, at = canonical(content), known[0].at
        digest = entry_hash(previous, release_id, sequence, key, at, payload)
        yield release_id, sequence, key, at, payload, previous, digest
        previous = digest


def test_the_answers_come_in_time(
    reader: TestClient, recorded: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    with reading_ledger() as ledger:
        assert ledger.listing.find(ReleaseFilter(), limit=1)[1] == RELEASES
    ids = [f"v1-2-{number}-abcdef" for number in range(1, 2 * ASKED + 1)]
    asked: dict[str, Callable[[int], str]] = {
        "the list": lambda _: "releases",
        "the list, its last page": lambda _: f"releases?page={RELEASES // 25}",
        "the list of a service and a person": lambda n: f"releases?service={BACKEND}&person=person-{n % 20}",
        "the list of what is running": lambda _: "releases?state=running",
        "a release, read for the first time": lambda n: f"releases/{ids[n]}",
        "the running release": lambda _: f"releases/{recorded.release_id}",
        "the evidence, read for the first time": lambda n: f"releases/{ids[-1 - n]}/evidence",
        "the gates": lambda n: f"releases/{ids[n]}/gates",
        "the ledger, verified": lambda n: f"releases/{ids[n]}/ledger",
    }
    found = {what: _seconds(reader, path) for what, path in asked.items()}
    with capsys.disabled():
        print(f"\n{RELEASES:,} releases, {RELEASES * ENTRIES_EACH:,} entries; {ASKED} requests each")
        print(f"{'':<40}{'median ms':>10}{'P95 ms':>10}")
        for what, seconds in found.items():
            print(f"{what:<40}{1000 * median(seconds):>10.1f}{1000 * p95(seconds):>10.1f}")
    assert max(median(seconds) for seconds in found.values()) < MOST_SECONDS, found


def test_a_viewer_of_a_running_release_costs_little(
    reader: TestClient, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running = open_release(ledger, "1.2.0")
    shift(ledger, running, "canary", 10)
    # The whole work of the only viewer: what several share is not shared here.
    monkeypatch.setattr("slipway.ui.api.now._FRESH_SECONDS", 0.0)
    _, decision = failing_bake(running.policy)
    series = series_of(_long_bake(running), running.policy, moments=POINTS)
    checks_every = round(running.policy.decision.poll_seconds / POLL_SECONDS)
    path, known, spent = f"/slipway/api/releases/{running.release_id}", "", list[float]()
    for number in range(ASKED):
        if number % checks_every == 0:
            ledger.checks.keep(running.release_id, Bake("canary"), decision, series)
        began = time.process_time()
        answer = reader.get(path, headers={"If-None-Match": known})
        spent.append(time.process_time() - began)
        known = answer.headers["ETag"]
    first, *others = spent
    percent = 100 * sum(others) / len(others) / POLL_SECONDS
    with capsys.disabled():
        print(f"\na viewer of a running release: {percent:.2f} % of a core, the client's part included")
        print(f"the first answer: {1000 * first:.0f} ms of a core, {len(reader.get(path).content):,} bytes")
    assert percent < MOST_PERCENT_OF_A_CORE


def p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1]


def _seconds(reader: TestClient, path: Callable[[int], str]) -> Sequence[float]:
    found = []
    for number in range(ASKED):
        began = time.perf_counter()
        answer = reader.get(f"/slipway/api/{path(number)}")
        found.append(time.perf_counter() - began)
        assert answer.status_code == 200, answer.text
    return found


def _long_bake(release: Release) -> EvidenceRecord:
    record = EvidenceRecord("canary", list(release.policy.metrics))
    for check in range(360):
        counts = dict.fromkeys(release.policy.metrics, Counts(30 + check % 7, 2, 1))
        record.add(counts, counts, at=15 * check)
    return record
