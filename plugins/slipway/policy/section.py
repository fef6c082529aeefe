"""What every part of a policy has in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Percent = Annotated[float, Field(ge=0, le=100)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86400)]


class Section(BaseModel):
    """A part of the policy: frozen, and closed to keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
