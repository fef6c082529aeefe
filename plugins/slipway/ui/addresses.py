"""The parts of an address: anything else in their place is refused before it is looked for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

ReleaseId = Annotated[str, Path(pattern=r"^v[0-9a-z-]{1,100}$", description="id of the release")]
#: A DAG or a run.
AirflowId = Annotated[str, Path(pattern=r"^[\w.~:+-]+$", max_length=250)]
