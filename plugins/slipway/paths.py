"""Where the project's data files are."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
INCLUDE = Path(os.environ.get("SLIPWAY_INCLUDE", REPOSITORY / "include"))
