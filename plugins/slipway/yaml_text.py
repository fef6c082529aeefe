"""YAML, read by libyaml where PyYAML has it: ten times faster, and every task and page reads a policy."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str) -> Any:
    """Read a YAML document of plain data.

    :param text: the document.
    :return: what it holds.
    :raises yaml.YAMLError: when it is not YAML.
    """
    return yaml.load(text, _LOADER)  # noqa: S506 - either is the safe loader
