"""What every kind of entry has in common: its key, its format, its sentence, how it is read and written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticUndefined

from slipway.exceptions import EntryUnreadable

_PART = re.compile(r"\{(\w+)\}")


class LedgerEntry(BaseModel):
    """Base of the kinds of entry.

    The parts of a key in braces are fields of the entry. A part in square brackets is left out of the key
    while its field has its default: ``shifted/{phase}[/{component}]``.

    :param task: id of the Airflow task that wrote it; None for what a trigger or the ledger itself wrote.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Pattern of the key, unique in a release.
    KEY: ClassVar[str]
    #: Raised, with a step in :meth:`upgrade`, by whoever renames or removes a field.
    FORMAT: ClassVar[int] = 1
    #: Who writes it, for ``docs/ledger.md``.
    WRITER: ClassVar[str]

    task: str | None = None

    @property
    def sentence(self) -> str:
        """What happened, in one line that a release manager reads."""
        raise NotImplementedError(f"{type(self).__name__} must say what happened")

    @property
    def is_inherited(self) -> bool:
        """Whether it is about the version, so that the release to the next region inherits it."""
        return False

    @classmethod
    def upgrade(cls, payload: Mapping[str, Any], written: int) -> Mapping[str, Any]:
        """Say what an earlier format wrote in the words of this one.

        :param payload: the entry's payload.
        :param written: the format that it was written in, lower than :attr:`FORMAT`.
        """
        return payload

    @classmethod
    def key_of(cls, **parts: str | int | None) -> str:
        """Return the key of an entry of this kind, made of the fields ``parts``."""
        fixed, optional = _split(cls.KEY)
        given = {
            name: cls._default(name) if parts.get(name) is None else parts[name] for name in _parts(cls.KEY)
        }
        unknown = sorted(parts.keys() - given.keys())
        if unknown:
            raise TypeError(f"{cls.__name__}: {unknown[0]} is no part of the key {cls.KEY}")
        missing = [name for name in _PART.findall(fixed) if given[name] in (None, PydanticUndefined)]
        if missing:
            raise TypeError(f"{cls.__name__}: the key {cls.KEY} needs {missing[0]}")
        shown = optional and any(given[name] != cls._default(name) for name in _PART.findall(optional))
        return (fixed + optional if shown else fixed).format(**given)

    @property
    def key(self) -> str:
        """The key that it is on record under."""
        return self.key_of(**{name: getattr(self, name) for name in _parts(self.KEY)})

    @classmethod
    def matches(cls, key: str) -> Mapping[str, str] | None:
        """Return the fields that a key holds, None when it is another kind's."""
        found = _pattern(cls.KEY).fullmatch(key)
        return None if found is None else {name: v for name, v in found.groupdict().items() if v is not None}

    def payload(self) -> dict[str, Any]:
        """Return what is written and hashed: plain data, with the format it is written in."""
        plain = self.model_dump(mode="json")
        return {"format": self.FORMAT} | {name: value for name, value in plain.items() if value is not None}

    @classmethod
    def read(cls, key: str, payload: Mapping[str, Any]) -> Self:
        """Read an entry of this kind, whichever version of Slipway wrote it.

        Fields that this version does not know are left out.

        :param key: the key that it is on record under.
        :param payload: the payload on record.
        :raises EntryUnreadable: naming the entry and what is wrong with it.
        """
        held = cls.matches(key)
        if held is None:
            raise EntryUnreadable(f"ledger entry {key}: is no {cls.__name__} ({cls.KEY})")
        written = payload.get("format", 1)
        if written not in range(1, cls.FORMAT + 1):
            raise EntryUnreadable(
                f"ledger entry {key}: format={written!r}: this version of Slipway reads 1..{cls.FORMAT};"
                " use the one that wrote it, or a newer one"
            )
        plain = payload if written == cls.FORMAT else cls.upgrade(payload, written)
        try:
            return cls.model_validate({**plain, **held}, extra="ignore")
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise EntryUnreadable(f"ledger entry {key}: {where}: {first['msg']}") from error

    @classmethod
    def _default(cls, name: str) -> Any:
        return cls.model_fields[name].get_default()


class Inherited(BaseModel):
    """Where an entry comes from that a release to a later region inherited.

    :param release: the release to the region before.
    :param sequence: the entry's position in that release's record.
    :param hash: the entry's hash in that record.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    release: str
    sequence: int
    hash: str


class InheritableEntry(LedgerEntry):
    """Base of the kinds that the release to the next region inherits.

    :param inherited_from: the entry of the release before; None for what this release did itself.
    """

    FORMAT: ClassVar[int] = 2

    inherited_from: Inherited | None = None

    @property
    def is_inherited(self) -> bool:
        """Whether the release to the next region inherits it."""
        return True

    @classmethod
    def upgrade(cls, payload: Mapping[str, Any], written: int) -> Mapping[str, Any]:
        """Format 1 called ``inherited_from`` ``taken_over``."""
        return renamed(payload, {"taken_over": "inherited_from"})


def renamed(payload: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a payload with other names for some of its fields.

    :param payload: as it is on record.
    :param names: new name by former name.
    """
    return {names.get(name, name): value for name, value in payload.items()}


def _split(pattern: str) -> tuple[str, str]:
    fixed, _, optional = pattern.partition("[")
    return fixed, optional.removesuffix("]")


def _parts(pattern: str) -> list[str]:
    return _PART.findall(pattern)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    fixed, optional = (_PART.sub(r"(?P<\1>[^/]+)", text) for text in _split(pattern))
    return re.compile(f"{fixed}(?:{optional})?" if optional else fixed)
