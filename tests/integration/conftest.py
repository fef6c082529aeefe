"""Which files begin first where several processes share them."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the files that may take longest first, so that a process that ends alone ends with a short one."""
    if hasattr(config, "workerinput"):
        items.sort(key=_bound, reverse=True)


def _bound(item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else 0.0
