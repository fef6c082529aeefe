"""Grafana dashboards as files: which there are, and whether they show something."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Found:
    """What a folder of dashboards holds.

    :param panels: by title, how many panels have a query.
    :param broken: files that are no dashboard.
    """

    panels: Mapping[str, int]
    broken: tuple[str, ...]


def read_dashboards(directory: Path) -> Found:
    """Read every dashboard below a folder.

    :param directory: folder of JSON files; one that does not exist holds none.
    """
    panels: dict[str, int] = {}
    broken: list[str] = []
    for path in sorted(directory.rglob("*.json")):
        try:
            dashboard = json.loads(path.read_text())
            panels[str(dashboard["title"])] = sum(bool(panel.get("targets")) for panel in _panels(dashboard))
        except (ValueError, KeyError, TypeError, AttributeError):
            broken.append(str(path.relative_to(directory)))
    return Found(panels, tuple(broken))


def _panels(container: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the panels, and those inside a folded row."""
    for panel in container.get("panels", []):
        yield panel
        yield from _panels(panel)
