"""Prometheus alert rules as files: which alerts there are."""

from __future__ import annotations

from pathlib import Path

import yaml

from slipway.exceptions import PolicyError


def read_alerts(directory: Path) -> set[str]:
    """Return the names of the alerts in every rule file of a folder.

    :param directory: folder of YAML files; one that does not exist holds none.
    :raises PolicyError: naming the file that is no rule file.
    """
    found: set[str] = set()
    for path in sorted(directory.glob("*.yaml")):
        try:
            groups = yaml.safe_load(path.read_text())["groups"]
            found |= {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
        except (yaml.YAMLError, KeyError, TypeError) as error:
            raise PolicyError(f"{path.name}: is no file of Prometheus rules") from error
    return found
