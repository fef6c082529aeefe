"""What happened, read from what the sandbox itself wrote down, not from what the release says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row
from slipway.ledger.chain import Kind
from slipway.ledger.entries import GateDecided

from sandbox.databases import postgres
from sandbox.supervisor.settings import Settings


@dataclass(frozen=True)
class TrafficStep:
    """A split that was applied at the data plane.

    :param at: moment, seconds since the epoch.
    :param split: percent per revision.
    """

    at: float
    service: str
    split: Mapping[str, int]


@dataclass(frozen=True)
class Failure:
    """One request or WebSocket that went wrong for a user.

    :param at: moment, seconds since the epoch.
    :param kind: ``http`` or ``ws``.
    :param revision: the revision that answered; None when no instance did, so that it was dropped on the way.
    """

    at: float
    kind: str
    revision: str | None
    error: str


def traffic_steps(settings: Settings, service: str) -> list[TrafficStep]:
    """Return every split of a production service in its order."""
    return [
        TrafficStep(line["at"], line["service"], line["split"])
        for line in _lines(settings.run / "traffic.jsonl")
        if line["service"] == service
    ]


def requests_so_far(settings: Settings) -> int:
    """Return how many requests and WebSockets the users had opened about a second ago."""
    counts = json.loads((settings.run / "users" / "counts.json").read_text())
    return int(counts["requests"] + counts["websocket"]["connects"])


def failures(settings: Settings, *, since: float) -> list[Failure]:
    """Return everything that went wrong for a user since a moment, in its order."""
    lines = _lines(settings.run / "users" / "failures.jsonl")
    found = [Failure(line["at"], line["kind"], line["revision"], line["error"]) for line in lines]
    return sorted((failure for failure in found if failure.at >= since), key=lambda failure: failure.at)


def seconds_to_safety(settings: Settings, *, service: str, revision: str) -> float | None:
    """Return the seconds from a revision's first bad answer to its last traffic.

    :param settings: where the sandbox lives, and its ports.
    :param service: Cloud Run service name.
    :param revision: the bad revision.
    :return: None when it gave no bad answer, or still has traffic.
    """
    bad = [failure.at for failure in failures(settings, since=0) if failure.revision == revision]
    if not bad:
        return None
    steps = traffic_steps(settings, service)
    if not steps or steps[-1].split.get(revision, 0):
        return None
    with_traffic = [index for index, step in enumerate(steps) if step.split.get(revision, 0)]
    return steps[with_traffic[-1] + 1].at - bad[0] if with_traffic else None


def release_of_run(settings: Settings, run_id: str) -> Mapping[str, Any] | None:
    """Return the ledger's row of the release that an Airflow run carried out."""
    query = "SELECT release_id, version, outcome, reason, plan, stable FROM release WHERE run_id = %s"
    rows = _ledger(settings, query, run_id)
    return rows[0] if rows else None


def not_rolled_back(settings: Settings) -> list[str]:
    """Return the ids of the releases that are open or promoted, the newest first."""
    query = "SELECT release_id FROM release WHERE outcome IS DISTINCT FROM %s ORDER BY opened_at DESC"
    return [row["release_id"] for row in _ledger(settings, query, "rolled_back")]


def gates(settings: Settings, release_id: str) -> Sequence[GateDecided]:
    """Return the decisions at the gates of a release, in their order."""
    query = "SELECT key, payload FROM ledger_entry WHERE release_id = %s ORDER BY sequence"
    rows = _ledger(settings, query, release_id)
    return [GateDecided.read(row["key"], row["payload"]) for row in rows if GateDecided.matches(row["key"])]


def entry(settings: Settings, release_id: str, kind: type[Kind], **parts: str | int | None) -> Kind | None:
    """Return an entry that a release has on record, None without one."""
    query, key = "SELECT payload FROM ledger_entry WHERE release_id = %s AND key = %s", kind.key_of(**parts)
    rows = _ledger(settings, query, release_id, key)
    return kind.read(key, rows[0]["payload"]) if rows else None


def _ledger(settings: Settings, query: str, *parameters: str) -> list[dict[str, Any]]:
    with (
        psycopg.connect(postgres.uri(settings, "slipway"), row_factory=dict_row) as connection,
        connection.cursor() as cursor,
    ):
        return cursor.execute(query, parameters).fetchall()


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.is_file():
        with path.open() as file:
            for text in file:
                # The last line may be half written while its process goes on.
                if text.endswith("\n"):
                    yield json.loads(text)
