"""``python -m sandbox.seed``: make the world before the first release in a sandbox that is up."""

from __future__ import annotations

from sandbox.seed import seed
from sandbox.supervisor.settings import Settings

if __name__ == "__main__":
    seed(Settings.from_environment())
