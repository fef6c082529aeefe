"""What happened, read from what the sandbox itself wrote down, not from what the release says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from sandbox.databases import postgres
from sandbox.settings import Settings


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
class Answers:
    """What all users saw since they began.

    :param requests: requests sent.
    :param app_errors: answers 5xx that an instance gave.
    :param dropped: requests without an answer from an instance.
    :param sockets_closed: WebSockets closed without being asked to.
    """

    requests: int
    app_errors: int
    dropped: int
    sockets_closed: int
    socket_errors: int
    by_revision: Mapping[str, Mapping[str, int]]


def traffic_steps(settings: Settings, service: str) -> list[TrafficStep]:
    """Return every split of a production service in its order."""
    return [
        TrafficStep(line["at"], line["service"], line["split"])
        for line in _lines(settings.run / "traffic.jsonl")
        if line["service"] == service
    ]


def answers(settings: Settings) -> Answers:
    """Return the users' counts as of about a second ago."""
    counts = json.loads((settings.run / "users" / "counts.json").read_text())
    return Answers(
        requests=counts["requests"],
        app_errors=counts["app_errors"],
        dropped=counts["dropped"],
        sockets_closed=counts["websocket"]["closed_unasked"],
        socket_errors=counts["websocket"]["errors"],
        by_revision=counts["by_revision"],
    )


def bad_answers(settings: Settings, *, revision: str) -> list[float]:
    """Return the moments at which users got a bad answer from a revision, in their order."""
    lines = _lines(settings.run / "users" / "failures.jsonl")
    return sorted(line["at"] for line in lines if line["revision"] == revision)


def seconds_to_safety(settings: Settings, *, service: str, revision: str) -> float | None:
    """Return the seconds from a revision's first bad answer to its last traffic.

    :param service: Cloud Run service name.
    :param revision: the bad revision.
    :return: None when it gave no bad answer, or still has traffic.
    """
    bad = bad_answers(settings, revision=revision)
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


def gates(settings: Settings, release_id: str) -> Sequence[Mapping[str, Any]]:
    """Return the decisions at the gates of a release, in their order."""
    query = "SELECT payload FROM ledger_entry WHERE release_id = %s AND key LIKE 'gate/%%' ORDER BY sequence"
    return [row["payload"] for row in _ledger(settings, query, release_id)]


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
