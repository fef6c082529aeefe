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


@dataclass(frozen=True)
class Fault:
    """What is wrong with a record.

    :param entry: position of the entry that it is about; None when it is about the whole release.
    :param sentence: what was found, for people.
    """

    entry: int | None
    sentence: str


def chain_faults(release_id: str, entries: Sequence[RecordedEntry]) -> Iterator[Fault]:
    """Recompute the chain; yield what was changed, moved or put in, and what is missing.

    That the last entries were cut off, or that all were made again, no chain shows: anchors do.

    :param release_id: the release.
    :param entries: everything on record of it, in its order.
    """
    previous, due = GENESIS, 1
    for entry in entries:
        named = f"entry {entry.sequence} ({entry.key})"
        if entry.sequence < due:
            yield Fault(due, f"{named} stands after entry {due - 1}: it was moved, or put in")
            continue
        if entry.sequence > due:
            last = entry.sequence - 1
            yield Fault(
                due, f"entry {due} is missing" if last == due else f"entries {due} to {last} are missing"
            )
        elif (place := _place(release_id, entry, len(entries) + 1)) != entry.sequence:
            moved = "was changed" if place is None else f"was written as entry {place}: it was moved"
            yield Fault(due, f"{named} {moved}")
        elif entry.previous_hash != previous:
            yield Fault(
                due,
                f"{named} does not follow entry {due - 1}: one of them was put in, or changed with its hash",
            )
        previous, due = entry.hash, entry.sequence + 1


def first_broken(release_id: str, entries: Sequence[RecordedEntry]) -> int | None:
    """Return the position of the first entry that does not fit the chain, None when all do.

    :param release_id: the release.
    :param entries: everything on record of it, in its order.
    """
    fault = next(chain_faults(release_id, entries), None)
    return None if fault is None else fault.entry


def _place(release_id: str, entry: RecordedEntry, last: int) -> int | None:
    """Return the position up to ``last`` at which an entry has its hash; its own is tried first."""
    text = canonical(entry.payload)
    places = (entry.sequence, *range(1, last + 1))
    return next(
        (
            place
            for place in places
            if entry_hash(entry.previous_hash, release_id, place, entry.key, entry.at, text) == entry.hash
        ),
        None,
    )
