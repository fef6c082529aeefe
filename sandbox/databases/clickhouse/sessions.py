"""Sessions: a handle that lives across requests, used by one request at a time."""

from __future__ import annotations

import base64
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from sandbox.databases.clickhouse.engine import Engine, Handle, quote
from sandbox.databases.clickhouse.errors import QueryError

DEFAULT_TIMEOUT_SECONDS = 60.0
_LONGEST_TIMEOUT_SECONDS = 3600.0
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass
class Scope:
    """A handle and what requests have laid over its own state.

    Settings of a URL hold for one request only. Clients send the same few with every request, so they stay
    in place until a request comes without them; then the handle's own values return.

    :param lasting: whether another request may follow on the same handle.
    """

    handle: Handle
    lasting: bool = True
    database: str | None = None
    _overlay: dict[str, tuple[str, str]] = field(default_factory=dict)

    def prepare(self, database: str | None, settings: Mapping[str, str]) -> None:
        """Make the current database and settings those of a request.

        :param database: the request's database; None for the default.
        :param settings: settings of the request.
        :raises QueryError: 81 for an unknown database, 115 for an unknown setting.
        """
        if database is not None and database != self.database:
            escaped = database.replace("\\", "\\\\").replace("`", "\\`")
            self.handle.command(f"USE `{escaped}`")
            self.database = database
        stale = {name: own for name, (_, own) in self._overlay.items() if name not in settings}
        changed = {
            name: value
            for name, value in settings.items()
            if name not in self._overlay or self._overlay[name][0] != value
        }
        for name in settings:
            if not _SETTING_NAME.fullmatch(name):
                raise QueryError.named(115, "UNKNOWN_SETTING", f"{name!r} is not the name of a setting")
        if not self.lasting:
            self._set(settings)
            return
        own_values = self._own_values([name for name in changed if name not in self._overlay])
        self._set({**stale, **changed})
        for name in stale:
            del self._overlay[name]
        for name, value in changed.items():
            own = self._overlay[name][1] if name in self._overlay else own_values[name]
            self._overlay[name] = (value, own)

    def restore(self) -> None:
        """Take every setting of past requests back, before the session's owner changes its own."""
        self.prepare(None, {})

    def forget_database(self) -> None:
        """The session's owner may have switched the database itself."""
        self.database = None

    def _own_values(self, names: list[str]) -> dict[str, str]:
        if not names:
            return {}
        wanted = ", ".join(quote(name) for name in names)
        rows = self.handle.command(
            f"SELECT name, base64Encode(value) FROM system.settings WHERE name IN ({wanted})"  # noqa: S608
        )
        values = dict(line.split("\t") for line in rows.splitlines())
        for name in names:
            if name not in values:
                raise QueryError.named(115, "UNKNOWN_SETTING", f"Setting {name} is neither a builtin setting")
        return {name: base64.b64decode(value).decode() for name, value in values.items()}

    def _set(self, settings: Mapping[str, str]) -> None:
        if settings:
            self.handle.command(
                "SET " + ", ".join(f"{name} = {quote(value)}" for name, value in settings.items())
            )


@dataclass
class _Session:
    scope: Scope
    timeout: float
    busy: bool = False
    idle_since: float = 0.0


class Sessions:
    """All sessions of the server, by user and id."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}

    @contextmanager
    def use(self, session_id: str, timeout: float, must_exist: bool) -> Iterator[Scope]:
        """Hold a session for one request.

        :param session_id: the session.
        :param timeout: seconds without a request after which the session ends; at most an hour.
        :param must_exist: refuse to begin a new session.
        :raises QueryError: 373 when another request holds it, 372 when it must exist and does not.
        """
        with self._lock:
            session = self._sessions.get(session_id)
            if session is None:
                if must_exist:
                    raise QueryError.named(372, "SESSION_NOT_FOUND", "Session not found")
                session = _Session(Scope(self._engine.open()), timeout)
                self._sessions[session_id] = session
            if session.busy:
                raise QueryError.named(
                    373, "SESSION_IS_LOCKED", f"Session {session_id} is locked by a concurrent client"
                )
            session.busy = True
            session.timeout = min(timeout, _LONGEST_TIMEOUT_SECONDS)
        try:
            yield session.scope
        finally:
            with self._lock:
                session.busy = False
                session.idle_since = time.monotonic()

    def close_idle(self) -> None:
        """End the sessions whose time is over."""
        now = time.monotonic()
        with self._lock:
            over = [
                name
                for name, session in self._sessions.items()
                if not session.busy and now - session.idle_since > session.timeout
            ]
            ended = [self._sessions.pop(name) for name in over]
        for session in ended:
            session.scope.handle.close()

    def close(self) -> None:
        """End every session that no request holds."""
        with self._lock:
            ended = [session for session in self._sessions.values() if not session.busy]
            self._sessions.clear()
        for session in ended:
            session.scope.handle.close()
