"""The product's configuration: documents of typed settings, each with its unit and its range.

A document is a file in ``include/policy/configuration``; it is written to a secret as one JSON object. Pure:
what is wrong is found when the policy is read, before anything is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import PlainValidator, ValidationError, model_validator

from slipway.exceptions import PolicyError
from slipway.policy.errors import describe
from slipway.policy.section import Section

Unit = Literal["attempts", "fraction", "percent", "usd", "usd_per_token", "seconds", "minutes"]
_BASE_UNITS: Mapping[str, tuple[str, Decimal]] = {
    "percent": ("fraction", Decimal("0.01")),
    "minutes": ("seconds", Decimal(60)),
}


def _as_written(value: object) -> bool | int | str:
    if not isinstance(value, bool | int | str):
        # pydantic reports a ValueError as a field that is wrong, and lets a TypeError through
        raise ValueError("must be true, false, a whole number, or a decimal in quotes")  # noqa: TRY004
    return value


Scalar = Annotated[bool | int | str, PlainValidator(_as_written)]


class Setting(Section):
    """One key of a document.

    :param type: ``switch`` reaches the product as the text ``true`` or ``false``, ``flag`` as a JSON boolean,
        ``integer`` and ``decimal`` as the text of the number. A ``secret`` has no value here, where everybody
        can read it: the one that runs is carried over, and is never shown.
    :param unit: of the number and its bounds.
    :param minimum: smallest value allowed.
    :param maximum: largest value allowed.
    :param on_rollback: the value that a rollback writes instead; None when it leaves the setting alone.
    """

    type: Literal["switch", "flag", "integer", "decimal", "secret"]
    unit: Unit | None = None
    minimum: Scalar | None = None
    maximum: Scalar | None = None
    value: Scalar | None = None
    on_rollback: Scalar | None = None

    @model_validator(mode="after")
    def _typed(self) -> Setting:
        if self.is_number:
            self._check_numbers()
            return self
        for name in ("unit", "minimum", "maximum"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name}: only with type: integer or decimal")
        if self.is_secret:
            if self.value is not None or self.on_rollback is not None:
                # The value itself stays out of the message.
                raise ValueError("value: a secret is not kept in this file; add it to Secret Manager")
            return self
        for name in ("value", "on_rollback"):
            value = getattr(self, name)
            if not isinstance(value, bool) and not (name == "on_rollback" and value is None):
                raise ValueError(f"{name}={value}: must be true or false")
        return self

    def _check_numbers(self) -> None:
        for name in ("unit", "minimum", "maximum", "value"):
            if getattr(self, name) is None:
                raise ValueError(f"{name}: missing")
        lowest, highest = self._number("minimum"), self._number("maximum")
        if lowest > highest:
            raise ValueError(f"minimum={self.minimum}: must be at most maximum={self.maximum}")
        for name in ("value", "on_rollback"):
            if getattr(self, name) is not None and not lowest <= self._number(name) <= highest:
                raise ValueError(
                    f"{name}={getattr(self, name)}: must be {self.minimum} to {self.maximum} {self.unit}"
                )

    def _number(self, name: str) -> Decimal:
        value = getattr(self, name)
        wanted = "a whole number" if self.type == "integer" else "a decimal number in quotes"
        if isinstance(value, bool) or (self.type == "integer" and not isinstance(value, int)):
            raise ValueError(f"{name}={value}: must be {wanted}")
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise ValueError(f"{name}={value}: must be {wanted}") from None
        if not number.is_finite():
            raise ValueError(f"{name}={value}: must be {wanted}")
        return number

    @property
    def is_number(self) -> bool:
        """Whether the setting has a unit and a range."""
        return self.type in ("integer", "decimal")

    @property
    def is_secret(self) -> bool:
        """Whether the value must not be shown."""
        return self.type == "secret"

    @property
    def base_unit(self) -> str | None:
        """The unit in which this setting can be compared with others of its kind."""
        return _BASE_UNITS.get(self.unit or "", (self.unit, Decimal(1)))[0]

    def amount(self, *, rolled_back: bool) -> Decimal:
        """Return the number in the base unit.

        :param rolled_back: as a rollback writes it.
        """
        name = "on_rollback" if rolled_back and self.on_rollback is not None else "value"
        return self._number(name) * _BASE_UNITS.get(self.unit or "", ("", Decimal(1)))[1]

    def written(self, *, rolled_back: bool) -> str | bool:
        """Return the value as the product reads it.

        :param rolled_back: as a rollback writes it.
        """
        value = self.on_rollback if rolled_back and self.on_rollback is not None else self.value
        if isinstance(value, bool) and self.type == "flag":
            return value
        return str(value).lower() if isinstance(value, bool) else str(value)


class Document(Section):
    """One configuration document.

    :param rising: lists of settings of which each must be less than the next, compared in their base units.
    :param equal: lists of settings that must agree, likewise.
    """

    settings: Mapping[str, Setting]
    rising: tuple[tuple[str, ...], ...] = ()
    equal: tuple[tuple[str, ...], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Document:
        for rule, lists in (("rising", self.rising), ("equal", self.equal)):
            for keys in lists:
                self._check_comparable(rule, keys)
        broken = [text for rolled_back in (False, True) for text in self._contradictions(rolled_back)]
        if broken:
            raise ValueError("; ".join(dict.fromkeys(broken)))
        return self

    def _check_comparable(self, rule: str, keys: Sequence[str]) -> None:
        for key in keys:
            if key not in self.settings:
                raise ValueError(f"{rule}: {key} is not one of the settings")
            if not self.settings[key].is_number:
                raise ValueError(f"{rule}: {key} is no number")
        units = {key: self.settings[key].base_unit for key in keys}
        if len(set(units.values())) > 1:
            raise ValueError(f"{rule}: these cannot be compared: {units}")

    def _contradictions(self, rolled_back: bool) -> Iterator[str]:
        for rule, lists, words in (
            ("rising", self.rising, "must be less than"),
            ("equal", self.equal, "must agree with"),
        ):
            for one, other in (pair for keys in lists for pair in pairwise(keys)):
                first = self.settings[one].amount(rolled_back=rolled_back)
                second = self.settings[other].amount(rolled_back=rolled_back)
                if first >= second if rule == "rising" else first != second:
                    yield (
                        f"{self._shown(one, rolled_back)}: {words} {self._shown(other, rolled_back)}"
                        f"{' on rollback' if rolled_back else ''}"
                    )

    def _shown(self, key: str, rolled_back: bool) -> str:
        setting = self.settings[key]
        return f"{key}={setting.written(rolled_back=rolled_back)} {setting.unit}"

    @property
    def secrets(self) -> Sequence[str]:
        """Keys whose values are carried over from the version that runs, and never shown."""
        return [key for key, setting in self.settings.items() if setting.is_secret]

    @property
    def rolls_back(self) -> bool:
        """Whether a rollback writes this document."""
        return any(setting.on_rollback is not None for setting in self.settings.values())

    def content(self, *, rolled_back: bool = False) -> dict[str, str | bool]:
        """Return what the product reads, but for the secrets.

        :param rolled_back: as a rollback writes it.
        """
        return {
            key: setting.written(rolled_back=rolled_back)
            for key, setting in self.settings.items()
            if not setting.is_secret
        }

    def payload(self, running: Mapping[str, Any] | None, *, rolled_back: bool = False) -> bytes:
        """Return the document as it is written, the same bytes for the same content.

        :param running: what runs now, from which the secrets are carried over.
        :param rolled_back: as a rollback writes it.
        :raises PolicyError: when what runs lacks one of the secrets.
        """
        missing = [key for key in self.secrets if key not in (running or {})]
        if missing:
            raise PolicyError(
                f"{', '.join(missing)}: a secret that what runs now does not have; add a version that has it"
            )
        kept = {key: (running or {})[key] for key in self.secrets}
        return json.dumps(self.content(rolled_back=rolled_back) | kept, sort_keys=True).encode()


def read_documents(directory: Path) -> dict[str, Any]:
    """Read and check every document of a folder.

    :param directory: folder of ``<document>.yaml`` files.
    :return: plain data by document name.
    :raises PolicyError: with one line for every field that is wrong, or when there is no document.
    """
    documents: dict[str, Any] = {}
    wrong: list[str] = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            documents[path.stem] = yaml.safe_load(path.read_text())
            Document.model_validate(documents[path.stem])
        except yaml.YAMLError as error:
            wrong.append(f"policy {directory.name}/{path.name}: not YAML: {' '.join(str(error).split())}")
        except ValidationError as error:
            wrong += [f"policy {directory.name}/{path.name}: {line}" for line in describe(error)]
    if wrong:
        raise PolicyError("\n".join(wrong))
    if not documents:
        raise PolicyError(f"policy {directory.name}/: no configuration document (*.yaml) in this folder")
    return documents
