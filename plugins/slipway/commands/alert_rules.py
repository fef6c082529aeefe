"""Print the Prometheus alert rules of a product, with the services and the limits of its policy.

Every metric of the policy has an alert for its limit, by revision, and one for when it counts nothing.
"""

from __future__ import annotations

import argparse

import yaml

from slipway.policy.release import load_policy
from slipway.release.alert_rules import alert_rules


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("name", help="file in include/policy, such as release.yaml")


def run(arguments: argparse.Namespace) -> int:
    """Print the rules as YAML."""
    rules = alert_rules(load_policy(arguments.name))
    print(yaml.safe_dump(rules, sort_keys=False, width=1000, allow_unicode=True), end="")
    return 0
