"""The form of a rollback on Airflow's trigger page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from airflow.sdk import Param

from slipway.ledger.entries import RollbackTier


def rollback_form() -> Mapping[str, Param]:
    """Return the fields of a rollback, for ``DAG(params=...)``.

    :return: parameter by name.
    """
    tiers = list(get_args(RollbackTier))
    return {
        "release": Param(
            type="string",
            minLength=1,
            title="Release",
            description="Id of the release, such as v1-2-0-e7d5c3; the page Releases lists them",
        ),
        "tier": Param(
            tiers[0],
            type="string",
            enum=tiers,
            title="Tier",
            description="traffic: every service back on what served when the release began, and the flags;"
            " database: then the release's migrations are undone, once a person confirms what is lost;"
            " restore: then the release's backup is restored to a new instance, which nothing uses yet;"
            " full: database, and every service of the policy as it was promoted last",
        ),
        "reason": Param(
            type="string",
            minLength=1,
            maxLength=500,
            title="Reason",
            description="Why the release is rolled back; kept on record",
        ),
        "plan_only": Param(
            False,
            type="boolean",
            title="Plan only",
            description="Show in the log of order_rollback what would be done, and change nothing",
        ),
    }
