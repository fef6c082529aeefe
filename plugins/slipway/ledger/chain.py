"""The hash chain that a release's entries form, and the release's entries as they are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from slipway.exceptions import EntryUnreadable
from slipway.ledger.entries import LedgerEntry, read_entry

GENESIS = "0" * 64
Kind = TypeVar("Kind", bound=LedgerEntry)


class UnreadableEntry(LedgerEntry):
    """An entry that another version of Slipway wrote and this one cannot read.

    It keeps nothing from being rolled back: who needs its content gets an error, who lists it gets this.

    :param recorded_under: its key.
    :param why: what is wrong with it.
    """

    KEY: ClassVar[str] = "{recorded_under}"
    WRITER: ClassVar[str] = "another version"

    recorded_under: str
    why: str

    @property
    def sentence(self) -> str:
        """What is wrong with it."""
        return self.why


@dataclass(frozen=True)
class RecordedEntry:
    """An entry on record, with its place in the chain.

    :param key: what happened, unique in its release, such as ``shifted/canary``.
    :param at: moment in UTC at which it was written.
    :param payload: its content as it was written and hashed.
    """

    sequence: int
    key: str
    at: datetime
    payload: Mapping[str, Any]
    previous_hash: str
    hash: str

    @cached_property
    def content(self) -> LedgerEntry:
        """What happened; an :class:`UnreadableEntry` when this version cannot read it."""
        try:
            return read_entry(self.key, self.payload)
        except EntryUnreadable as error:
            return UnreadableEntry(recorded_under=self.key, why=str(error))


class Record(tuple[RecordedEntry, ...]):
    """Everything on record of one release, in its order."""

    __slots__ = ()

    def get(self, kind: type[Kind], **parts: str | int | None) -> Kind | None:
        """Return the entry whose key is made of the ``parts``, None when there is none.

        :param kind: what happened.
        :raises EntryUnreadable: when this version cannot read it.
        """
        key = kind.key_of(**parts)
        found = next((entry for entry in self if entry.key == key), None)
        return None if found is None else kind.read(found.key, found.payload)

    def of_kind(self, kind: type[Kind]) -> Iterator[Kind]:
        """Yield the readable entries of one kind.

        :param kind: what happened.
        """
        return (entry.content for entry in self if isinstance(entry.content, kind))


def entry_hash(previous: str, release_id: str, sequence: int, key: str, at: datetime, payload: str) -> str:
    """Hash an entry together with the one before it (SHA-256 over a JSON list).

    :param previous: hash of the entry before, or 64 zeros for the first.
    :param release_id: the release.
    :param sequence: position of the entry, from 1 on.
    :param key: its key.
    :param at: moment in UTC.
    :param payload: canonical JSON of the payload.
    :return: 64 hexadecimal digits.
    """
    text = json.dumps([previous, release_id, sequence, key, at.astimezone(UTC).isoformat(), payload])
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(payload: Mapping[str, Any]) -> str:
    """Return the one JSON text of a payload that is hashed.

    :param payload: plain data.
    """
    return json.dumps(payload, sort_keys=True, separators=(",", ":"))


def first_broken(release_id: str, entries: Sequence[RecordedEntry]) -> int | None:
    """Recompute the chain.

    An entry that was changed, removed or put in between is found; that the last ones were cut off is not.

    :param release_id: the release.
    :param entries: everything on record of it, in its order.
    :return: position of the first entry that does not fit, None when all do.
    """
    previous = GENESIS
    for position, entry in enumerate(entries, start=1):
        text = canonical(entry.payload)
        expected = entry_hash(previous, release_id, position, entry.key, entry.at, text)
        if (entry.sequence, entry.previous_hash, entry.hash) != (position, previous, expected):
            return position
        previous = entry.hash
    return None
