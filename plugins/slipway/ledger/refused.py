"""The requests that the preflight refused: kept beside the releases, because they opened none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slipway.ledger.chain import canonical
from slipway.ledger.store import LedgerStore
from slipway.sql import statement


@dataclass(frozen=True)
class RefusedRequest:
    """A request that was refused before anything was touched.

    :param release_id: id that its release would have had.
    :param run_id: Airflow run of the request.
    :param actor: who asked for it.
    :param request: the fields of the form that were filled in.
    :param reasons: why it was refused, by the id of the task that refused it.
    :param refused_at: when the first task refused it.
    :param notified: how the team was notified, or why it was not; None before.
    """

    release_id: str
    version: str
    run_id: str
    actor: str
    request: Mapping[str, Any]
    reasons: Mapping[str, str]
    refused_at: datetime
    notified: str | None = None

    @property
    def reason(self) -> str:
        """Why it was refused, in one line."""
        return "; ".join(" ".join(reason.split()) for reason in self.reasons.values())

    @property
    def sentence(self) -> str:
        """The run's last sentence."""
        return f"release {self.version}: refused: {self.reason}"


class LedgerRefusedRequests:
    """Keeps the refused requests, one a run.

    :param store: the ledger's tables.
    """

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    def keep(
        self,
        *,
        release_id: str,
        version: str,
        run_id: str,
        actor: str,
        request: Mapping[str, Any],
        task: str,
        reason: str,
    ) -> None:
        """Keep that a task refused a request; done again, the task's newest reason stays.

        :param release_id: id that its release would have had.
        :param version: the version that was asked for.
        :param run_id: Airflow run of the request.
        :param actor: who asked for it.
        :param request: the fields of the form that were filled in; never a secret.
        :param task: id of the task.
        :param reason: why, in words that name the way out.
        """
        with self._store.transaction() as cursor:
            cursor.execute(
                statement("ledger/keep_refused_request"),
                {
                    "release_id": release_id,
                    "version": version,
                    "run_id": run_id,
                    "actor": actor,
                    "request": canonical(request),
                    "reasons": canonical({task: reason}),
                },
            )

    def of_run(self, run_id: str) -> RefusedRequest | None:
        """Return the refused request of a run; None when it was not refused, or has opened its release since.

        :param run_id: Airflow run id.
        """
        row = self._store.row("ledger/read_refused_request", run_id=run_id)
        return None if row is None else RefusedRequest(*row)

    def newest(self, *, limit: int, offset: int = 0) -> Sequence[RefusedRequest]:
        """Return refused requests, the newest first.

        :param limit: the most that are returned.
        :param offset: how many of the newest are left out.
        """
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/read_refused_requests"), {"limit": limit, "offset": offset})
            return [RefusedRequest(*row) for row in cursor.fetchall()]

    def notified(self, run_id: str, how: str) -> None:
        """Keep how the team was notified of a refused request.

        :param run_id: Airflow run of the request.
        :param how: the connection, or why the team was not notified.
        """
        with self._store.transaction() as cursor:
            cursor.execute(statement("ledger/notify_refused_request"), {"run_id": run_id, "notified": how})
