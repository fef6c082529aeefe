"""The monitoring as files: Grafana dashboards and whether they show something, Prometheus alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from slipway.exceptions import PolicyError
from slipway.yaml_text import parse_yaml


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


def read_alerts(directory: Path) -> set[str]:
    """Return the names of the alerts in every rule file of a folder.

    :param directory: folder of YAML files; one that does not exist holds none.
    :raises PolicyError: naming the file that is no rule file.
    """
    found: set[str] = set()
    for path in sorted(directory.glob("*.yaml")):
        try:
            groups = parse_yaml(path.read_text())["groups"]
            found |= {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
        except (yaml.YAMLError, KeyError, TypeError) as error:
            raise PolicyError(f"{path.name}: is no file of Prometheus rules") from error
    return found
