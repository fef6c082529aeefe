"""What becomes of the events that one WebSocket session is owed: lost, doubled, out of order, foreign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

EVENTS = ("optimization.started", "cost.updated", "optimization.completed")


class UnexpectedEventError(Exception):
    """An event that nobody asked for, or that cannot be read."""


@dataclass
class EventWatch:
    """The events of one prompt after another, on one socket.

    :param user_id: whose session it is.
    :param session_key: key of the session.
    """

    user_id: str
    session_key: str
    _missing: list[str] = field(default_factory=list)
    _request: str | None = None
    _finished: set[str] = field(default_factory=set)

    def ask(self) -> None:
        """Begin a prompt: from now on its events are owed."""
        self._missing, self._request = list(EVENTS), None

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the kinds of event that are still owed."""
        return tuple(self._missing)

    def take(self, event: Mapping[str, Any]) -> str | None:
        """Take note of an event.

        One that comes after a later one is out of order; a later one alone may follow one that is lost.

        :param event: as it came.
        :return: ``doubled``, ``out_of_order`` or ``foreign``; None for an event that is right.
        :raises UnexpectedEventError: when it is none of the events that are owed.
        """
        try:
            kind, request = str(event["type"]), str(event["request_id"])
            owner = (event.get("user_id"), event.get("session_key"))
        except KeyError as error:
            raise UnexpectedEventError(f"an event without {error}") from None
        if kind not in EVENTS:
            raise UnexpectedEventError(f"{kind} {event.get('status')}: {event.get('error')}")
        if owner != (self.user_id, self.session_key):
            self._missing = [owed for owed in self._missing if owed != kind]
            return "foreign"
        if request in self._finished or (self._request == request and kind not in self._missing):
            return "doubled"
        if not self._missing or self._request not in (None, request):
            raise UnexpectedEventError(f"{kind} of request {request}, which is not this session's")
        self._request = request
        later = EVENTS[EVENTS.index(kind) + 1 :]
        overtaken = any(one not in self._missing for one in later)
        self._missing.remove(kind)
        if not self._missing:
            self._finished.add(request)
        return "out_of_order" if overtaken else None

    def give_up(self) -> None:
        """Stop waiting for what is missing; what comes of it later is not an event of the next prompt."""
        if self._request is not None:
            self._finished.add(self._request)
        self._missing = []
