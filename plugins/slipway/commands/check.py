"""Prove that a release by a policy can be made: services, rights, metrics, secrets, databases, channels.

It writes to the live system only what a release writes first: the lock of each production service, for a
minute, which is taken off again. With --notify the team gets a message.
"""

from __future__ import annotations

import argparse

from slipway.kpi.policy import load_rollup_policy
from slipway.policy.release import load_policy
from slipway.release.proof import Proof, proofs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("name", help="file in include/policy, such as release.yaml")
    parser.add_argument("--notify", action="store_true", help="send the team a message that needs no answer")


def run(arguments: argparse.Namespace) -> int:
    """Print the table; the exit code is 1 when a release could not be made."""
    from rich.console import Console
    from rich.table import Table

    policy = load_policy(arguments.name)
    table = Table("", "Proved", "Found", title=f"{policy.name}, by {arguments.name}", title_justify="left")
    failed = 0
    for proof in proofs(policy):
        failed += proof.holds is False
        table.add_row(*_row(proof))
    table.add_row(*_row(_kpis(policy.name)))
    if arguments.notify and policy.notified_via is not None:
        proof = _notified(policy.notified_via, policy.name)
        failed += proof.holds is False
        table.add_row(*_row(proof))
    console = Console()
    console.print(table)
    console.print(f"{failed} to mend before a release" if failed else "A release can be made.")
    return 1 if failed else 0


def _row(proof: Proof) -> tuple[str, str, str]:
    from rich.markup import escape

    mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "·"}[proof.holds]
    return mark, escape(proof.what), escape(proof.found)


def _kpis(product: str) -> Proof:
    """Say whether the product has KPIs; a release needs none."""
    rollup = load_rollup_policy()
    if product not in rollup.products:
        return Proof(
            "KPIs",
            None,
            "none: include/kpi/rollup.yaml names no source; KPI tables and dashboards stay empty",
        )
    source = rollup.products[product]
    return Proof("KPIs", None, f"{rollup.dag_ids('kpi_rollup')[product]} reads {source.connection}")


def _notified(connection: str, product: str) -> Proof:
    from slipway.exceptions import NotificationFailed
    from slipway.notifiers.team import TeamNotifier

    try:
        TeamNotifier(
            message=f"A check of the policy of {product}. Nothing is released, nothing is to be done.",
            subject="Slipway can reach you",
            conn_id=connection,
        ).notify({})
    except NotificationFailed as error:
        return Proof(f"message via {connection}", False, str(error))
    return Proof(f"message via {connection}", True, "every channel took it")
