"""The rollup's numbers, read from ``include/kpi/rollup.yaml``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationError

from slipway.exceptions import PolicyError
from slipway.paths import INCLUDE
from slipway.policy.errors import describe
from slipway.policy.section import Section
from slipway.yaml_text import parse_yaml

ROLLUP_POLICY = INCLUDE / "kpi" / "rollup.yaml"


class RollupPolicy(Section):
    """How the rollup treats what comes late.

    :param late_window_days: days before today whose source is compared with what was published.
    """

    late_window_days: Annotated[int, Field(ge=1, le=1000)]


def load_rollup_policy() -> RollupPolicy:
    """Read the file.

    :raises PolicyError: with one line for every field that is wrong.
    """
    try:
        return RollupPolicy.model_validate(parse_yaml(ROLLUP_POLICY.read_text()))
    except ValidationError as error:
        lines = "\n".join(f"{ROLLUP_POLICY.name}: {line}" for line in describe(error))
        raise PolicyError(lines) from None
