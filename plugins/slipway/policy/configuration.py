"""The product's configuration: documents of typed settings, each with its unit and its range.

A document is a file in ``include/policy/configuration``; it is written to a secret as one JSON object. Its
ranges are policy, not code, and a recorded release keeps the documents of its time: so one model reads every
document, and there is no class per document. A wrong setting is found when the policy is read, before any
write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from slipway.exceptions import PolicyError
from slipway.policy.section import Section

Unit = Literal["attempts", "fraction", "percent", "usd", "usd_per_token", "seconds", "minutes"]
_BASE_UNITS: Mapping[str, tuple[str, Decimal]] = {
    "percent": ("fraction", Decimal("0.01")),
    "minutes": ("seconds", Decimal(60)),
}


def _true_or_false(value: object) -> object:
    if not isinstance(value, bool):
        # pydantic reports a ValueError as a wrong field, and lets a TypeError through
        raise ValueError("must be true or false")  # noqa: TRY004
    return value


Truth = Annotated[bool, BeforeValidator(_true_or_false)]


class TruthSetting(Section):
    """A setting that is on or off.

    :param type: ``switch`` reaches the product as the text ``true`` or ``false``, ``flag`` as a JSON boolean.
    :param value: on or off.
    :param on_rollback: value that the rollback of the release that brought the setting writes; None: none.
    """

    type: Literal["switch", "flag"]
    value: Truth
    on_rollback: Truth | None = None

    def written(self, *, rolled_back: bool) -> str | bool:
        """Return the value as the product reads it.

        :param rolled_back: as a rollback writes it.
        """
        value = self.on_rollback if rolled_back and self.on_rollback is not None else self.value
        return value if self.type == "flag" else str(value).lower()


class NumberSetting(Section):
    """A number; it reaches the product as text, with the digits of the file.

    :param type: ``integer``, or ``decimal`` in quotes.
    :param unit: of the number and its bounds.
    :param minimum: smallest value allowed.
    :param maximum: largest value allowed.
    :param value: the number.
    :param on_rollback: number that the rollback of the release that brought the setting writes; None: none.
    """

    type: Literal["integer", "decimal"]
    unit: Unit
    minimum: int | str
    maximum: int | str
    value: int | str
    on_rollback: int | str | None = None

    @field_validator("minimum", "maximum", "value", "on_rollback", mode="before")
    @classmethod
    def _as_written(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.field_name == "on_rollback":
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if info.data.get("type") == "integer":
            raise ValueError("must be a whole number")
        try:
            if isinstance(value, str) and Decimal(value).is_finite():
                return value
        except InvalidOperation:
            pass
        raise ValueError("must be a decimal number in quotes")

    @model_validator(mode="after")
    def _in_range(self) -> NumberSetting:
        lowest, highest = Decimal(self.minimum), Decimal(self.maximum)
        if lowest > highest:
            raise ValueError(f"minimum={self.minimum}: must be at most maximum={self.maximum}")
        for name, value in (("value", self.value), ("on_rollback", self.on_rollback)):
            if value is not None and not lowest <= Decimal(value) <= highest:
                raise ValueError(f"{name}={value}: must be {self.minimum} to {self.maximum} {self.unit}")
        return self

    @property
    def base_unit(self) -> str:
        """The unit in which this number is compared with others."""
        return _BASE_UNITS.get(self.unit, (self.unit, Decimal(1)))[0]

    def amount(self, *, rolled_back: bool) -> Decimal:
        """Return the number in the base unit.

        :param rolled_back: as a rollback writes it.
        """
        factor = _BASE_UNITS.get(self.unit, (self.unit, Decimal(1)))[1]
        return Decimal(self.written(rolled_back=rolled_back)) * factor

    def written(self, *, rolled_back: bool) -> str:
        """Return the value as the product reads it.

        :param rolled_back: as a rollback writes it.
        """
        return str(self.on_rollback if rolled_back and self.on_rollback is not None else self.value)


class SecretSetting(Section):
    """A setting without a value here, where everybody can read it: the running value is carried over."""

    type: Literal["secret"]

    @model_validator(mode="before")
    @classmethod
    def _without_value(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and (names := sorted(given.keys() - {"type"})):
            # The value itself stays out of the message.
            raise ValueError(
                f"{', '.join(names)}: a secret is not kept in this file; add it to Secret Manager"
            )
        return given


Setting = Annotated[TruthSetting | NumberSetting | SecretSetting, Field(discriminator="type")]


class Document(Section):
    """One configuration document.

    :param settings: by key.
    :param rising: lists of numbers of which each must be less than the next, compared in their base units.
    :param equal: lists of numbers that must agree, likewise.
    """

    settings: Mapping[str, Setting]
    rising: tuple[tuple[str, ...], ...] = ()
    equal: tuple[tuple[str, ...], ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Document:
        broken = [
            text
            for rule, lists in (("rising", self.rising), ("equal", self.equal))
            for keys in lists
            for text in self._contradictions(rule, self._numbers(rule, keys))
        ]
        if broken:
            raise ValueError("; ".join(broken))
        return self

    def _numbers(self, rule: str, keys: Sequence[str]) -> Mapping[str, NumberSetting]:
        numbers = {}
        for key in keys:
            setting = self.settings.get(key)
            if not isinstance(setting, NumberSetting):
                problem = "is not one of the settings" if setting is None else "is no number"
                raise ValueError(f"{rule}: {key} {problem}")  # noqa: TRY004
            numbers[key] = setting
        units = {key: number.base_unit for key, number in numbers.items()}
        if len(set(units.values())) > 1:
            raise ValueError(f"{rule}: these cannot be compared: {units}")
        return numbers

    @staticmethod
    def _contradictions(rule: str, numbers: Mapping[str, NumberSetting]) -> Iterator[str]:
        words = "must be less than" if rule == "rising" else "must agree with"
        for (one, first), (other, second) in pairwise(numbers.items()):
            for rolled_back, when in ((False, ""), (True, " on rollback")):
                a, b = (number.amount(rolled_back=rolled_back) for number in (first, second))
                if a >= b if rule == "rising" else a != b:
                    left, right = (n.written(rolled_back=rolled_back) for n in (first, second))
                    yield f"{one}={left} {first.unit}: {words} {other}={right} {second.unit}{when}"
                    break

    @property
    def secrets(self) -> Sequence[str]:
        """Keys whose values are carried over from the version that runs, and never shown."""
        return [key for key, setting in self.settings.items() if isinstance(setting, SecretSetting)]

    @property
    def rolls_back(self) -> bool:
        """Whether a rollback writes this document."""
        return bool(self.on_rollback)

    @property
    def on_rollback(self) -> Mapping[str, str | bool]:
        """What a rollback writes of the settings that a release brought, by key."""
        written = self.content(rolled_back=True)
        return {
            key: written[key]
            for key, setting in self.settings.items()
            if getattr(setting, "on_rollback", None) is not None
        }

    def unit(self, key: str) -> str:
        """Return the unit of a setting; empty for one that is no number.

        :param key: of the setting.
        """
        return getattr(self.settings[key], "unit", "")

    def content(self, *, rolled_back: bool = False) -> dict[str, str | bool]:
        """Return what the product reads, but for the secrets.

        :param rolled_back: as a rollback writes it.
        """
        return {
            key: setting.written(rolled_back=rolled_back)
            for key, setting in self.settings.items()
            if not isinstance(setting, SecretSetting)
        }

    def payload(self, running: Mapping[str, Any] | None) -> bytes:
        """Return the document as it is written, the same bytes for the same content.

        :param running: the running content, from which the secrets are carried over.
        :raises PolicyError: when the running content lacks one of the secrets.
        """
        missing = [key for key in self.secrets if key not in (running or {})]
        if missing:
            raise PolicyError(
                f"{', '.join(missing)}: the running version does not have this secret; add one that has it"
            )
        kept = {key: (running or {})[key] for key in self.secrets}
        return json.dumps(self.content() | kept, sort_keys=True).encode()
