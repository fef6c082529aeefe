"""Show a release policy as it is in effect: every value, and the file that states it.

Values come from the policy's file, from those that it extends, from defaults.yaml, or are built in.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slipway.policy.files import POLICY_DIRECTORY, Layer, read_layers
from slipway.policy.release import load_policy

BUILT_IN = "built in"
_COMMENT_COLUMN = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("action", choices=["show"])
    parser.add_argument("name", help="file in include/policy, such as release.yaml")


def run(arguments: argparse.Namespace) -> int:
    """Print the policy as YAML."""
    policy = load_policy(arguments.name)
    layers = read_layers(arguments.name, POLICY_DIRECTORY)
    print("\n".join(lines(policy.model_dump(mode="json", exclude_none=True), layers)))
    return 0


def lines(document: Mapping[str, Any], layers: Sequence[Layer], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the lines of a policy, each value with its origin as a comment.

    :param document: the policy in effect, or a part of it.
    :param layers: its files, the policy's own first.
    :param path: keys from the top of the policy to this part.
    """
    for key, value in document.items():
        line = f"{'  ' * len(path)}{key}:"
        if isinstance(value, dict) and value:
            yield line
            yield from lines(value, layers, (*path, key))
        else:
            line = f"{line} {json.dumps(value, ensure_ascii=False)}"
            yield f"{line:{_COMMENT_COLUMN}}  # {_origin(layers, (*path, key))}"


def _origin(layers: Sequence[Layer], path: Sequence[str]) -> str:
    return next((layer.name for layer in layers if layer.states(path)), BUILT_IN)
