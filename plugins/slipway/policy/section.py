"""What every part of a policy has in common."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from slipway.exceptions import PolicyError

Percent = Annotated[float, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86400)]


PartT = TypeVar("PartT")


def stated(part: PartT | None, name: str) -> PartT:
    """Return an optional part of a policy to what works on it, and is skipped without it.

    :param part: the part.
    :param name: its field.
    :raises PolicyError: when the policy does not have it.
    """
    if part is None:
        raise PolicyError(f"the policy has no {name}; what works on it must be skipped")
    return part


class Section(BaseModel):
    """A part of the policy: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
