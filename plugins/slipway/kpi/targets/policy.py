"""The business targets and their dates, loaded from ``include/policy/targets.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from slipway.exceptions import PolicyError
from slipway.policy.errors import describe
from slipway.policy.files import POLICY_DIRECTORY
from slipway.policy.section import Section
from slipway.yaml_text import parse_yaml

Measure = Literal[
    "count", "amount", "share", "ratio", "level", "latest_share", "increase", "return", "statement"
]
Money = Annotated[Decimal, Field(gt=0)]
# The strategy's numbers are rounded: how far a computed one may be from the stated one, in percent of it.
_ROUNDING_PERCENT = Decimal("0.5")


class Target(Section):
    """One target.

    :param kpi: the KPI whose ``all`` rows are read; None for a statement.
    :param measure: how days become one number; see ``include/policy/targets.yaml``.
    :param at_least: lowest value that meets it, in ``unit``.
    :param at_most: highest value that meets it, in ``unit``.
    :param minimum_n: smallest sample that is evidence.
    :param sample_unit: unit of the sample, for people.
    :param investment_usd: amount spent, in USD; only for a return.
    """

    title: str
    kpi: str | None = None
    measure: Measure
    unit: str = ""
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    minimum_n: Annotated[int, Field(ge=1)] = 1
    sample_unit: str = "events"
    investment_usd: Money | None = None

    @model_validator(mode="after")
    def _complete(self) -> Target:
        measured = self.measure != "statement"
        limits = [limit for limit in (self.at_least, self.at_most) if limit is not None]
        if measured != (self.kpi is not None):
            raise ValueError(
                f"kpi={self.kpi}: every measure except statement needs one, and a statement has none"
            )
        if measured != bool(limits):
            raise ValueError(f"measure={self.measure}: needs at_least or at_most, unless it is a statement")
        if len(limits) == 2 and limits[0] >= limits[1]:
            raise ValueError(f"at_least={limits[0]}: must be below at_most={limits[1]}")
        if (self.measure == "return") != (self.investment_usd is not None):
            raise ValueError(
                f"investment_usd={self.investment_usd}: a return needs it, and no other measure has it"
            )
        return self

    def reached_by(self, value: Decimal | float) -> bool:
        """Return whether a value is within the limits."""
        exact = value if isinstance(value, Decimal) else Decimal(value)
        return (self.at_least is None or exact >= self.at_least) and (
            self.at_most is None or exact <= self.at_most
        )


class Horizon(Section):
    """The targets with one due date.

    :param days: length in days; the day of the promotion is the first.
    """

    title: str
    days: Annotated[int, Field(ge=1, le=3660)]
    targets: Mapping[str, Target]

    def due(self, promoted: date) -> date:
        """Return the last day that counts."""
        return promoted + timedelta(days=self.days - 1)


class BusinessCase(Section):
    """The inputs of the strategy's projections; they must agree with each other.

    Formulas (strategy, *Business impact validation*): ``annual = customers * savings per customer``;
    ``ROI percent = 100 * (annual - investment) / investment``.

    :param investment_usd: cost of the token optimization; not in the strategy.
    """

    customers: Annotated[int, Field(ge=1)]
    savings_per_customer_usd: Money
    annual_usd: Money
    roi_percent: Decimal
    investment_usd: Money

    @model_validator(mode="after")
    def _agrees(self) -> BusinessCase:
        annual = self.customers * self.savings_per_customer_usd
        if not _close(annual, self.annual_usd):
            raise ValueError(
                f"annual_usd={self.annual_usd}: {self.customers} customers x "
                f"{self.savings_per_customer_usd} are {annual}"
            )
        roi = 100 * (self.annual_usd - self.investment_usd) / self.investment_usd
        if not _close(roi, self.roi_percent):
            raise ValueError(
                f"roi_percent={self.roi_percent}: with annual_usd={self.annual_usd} and "
                f"investment_usd={self.investment_usd} it is {roi:.1f}"
            )
        return self


class TargetPolicy(Section):
    """All targets; see ``include/policy/targets.yaml`` for the meaning of each part.

    :param launch_version: version of the release that starts the clock; None for the first promoted one.
    :param confidence_percent: of every interval.
    :param minimum_days: a forecast needs at least this many days of data.
    """

    launch_version: str | None
    confidence_percent: Annotated[float, Field(gt=0, lt=100)]
    minimum_days: Annotated[int, Field(ge=2)]
    business_case: BusinessCase
    horizons: Mapping[str, Horizon]

    @property
    def kpis(self) -> list[str]:
        """Names of the KPIs that a review reads."""
        targets = [target for horizon in self.horizons.values() for target in horizon.targets.values()]
        return sorted({target.kpi for target in targets if target.kpi is not None})


def load_targets(name: str = "targets.yaml", *, directory: Path = POLICY_DIRECTORY) -> TargetPolicy:
    """Read the targets.

    :param name: file name in ``directory``.
    :param directory: where policies are.
    :raises PolicyError: with one line for every field that is wrong.
    """
    path = directory / name
    if not path.is_file():
        raise PolicyError(f"targets {name}: no such file in {directory}")
    try:
        return TargetPolicy.model_validate(parse_yaml(path.read_text()))
    except yaml.YAMLError as error:
        raise PolicyError(f"targets {name}: not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise PolicyError("\n".join(f"targets {name}: {line}" for line in describe(error))) from error


def _close(found: Decimal, stated: Decimal) -> bool:
    return abs(found - stated) * 100 <= abs(stated) * _ROUNDING_PERCENT
