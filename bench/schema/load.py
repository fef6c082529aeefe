"""The application's queries: writers and readers at a steady pace, each query timed."""

from __future__ import annotations

import threading
import time
import uuid
from types import TracebackType

import psycopg

WRITERS, READERS = 2, 2
PERIOD_SECONDS = 0.02
WRITE = """
INSERT INTO token_usage_tracking
    (id, user_id, session_key, agent_name, tokens_used, cost_usd, tokens_original)
VALUES (%(id)s, %(user)s, 'bench', 'agent-1', 100, 0.003, 130)
"""
READ = """
SELECT count(*), sum(cost_usd) FROM token_usage_tracking
 WHERE user_id = %(user)s AND created_at >= now() - interval '1 hour'
"""


class Load:
    """Runs the queries in threads while the block lasts.

    :param uri: connection URI of the database.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.seconds: list[float] = []
        self.errors: list[str] = []
        statements = [WRITE] * WRITERS + [READ] * READERS
        self._threads = [threading.Thread(target=self._work, args=[text]) for text in statements]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self, statement: str) -> None:
        user = uuid.uuid4()
        with psycopg.connect(self._uri, autocommit=True, application_name="the application") as connection:
            while not self._over.wait(PERIOD_SECONDS):
                began = time.perf_counter()
                try:
                    connection.execute(statement, {"id": uuid.uuid4(), "user": user})
                except psycopg.Error as error:
                    with self._lock:
                        self.errors.append(str(error))
                with self._lock:
                    self.seconds.append(time.perf_counter() - began)
