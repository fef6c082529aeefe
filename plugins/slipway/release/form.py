"""The form of a release on Airflow's trigger page."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param

from slipway.ledger.plan import VERSION_PATTERN
from slipway.policy.files import policy_names

DEFAULT_POLICY = "release.yaml"


def release_form() -> Mapping[str, Param]:
    """Return the fields of a release to one region, for ``DAG(params=...)``.

    ``SLIPWAY_POLICY`` in the environment names the policy that is chosen beforehand.

    :return: parameter by name; every name is a field that the request may have.
    """
    return {
        "version": Param(
            type="string",
            pattern=VERSION_PATTERN,
            title="Version",
            description="Image tag to release, such as 1.4.2",
        ),
        "policy": Param(
            os.environ.get("SLIPWAY_POLICY", DEFAULT_POLICY),
            type="string",
            enum=policy_names(),
            title="Policy",
            description="File in include/policy that holds every limit, share and time of the release",
        ),
        "reason": Param(
            None,
            type=["null", "string"],
            maxLength=500,
            title="Reason",
            description="Why this release, and why now; kept on record",
        ),
        "services": _exception(
            type=["null", "array"],
            items={"type": "string"},
            title="Services",
            description="Services to release, one a line; empty: all services of the policy",
        ),
        "images": _exception(
            type=["null", "object"],
            title="Images",
            description="Image reference by service; empty: the policy's image with the version as its tag",
        ),
        "region": _exception(
            type=["null", "string"],
            title="Region",
            description="Region of production to release to; empty: the first one of the policy",
        ),
        "follows": _exception(
            type=["null", "string"],
            title="Inherit evidence from",
            description=(
                "For a later region: id of the release to the region before, whose evidence is inherited;"
                " empty: the newest promotion of the version there"
            ),
        ),
        "stable_is_broken": Param(
            False,
            type="boolean",
            title="Current version is broken",
            description=(
                "Judge the new version on its own and skip the check of the rollback target;"
                " Reason must say what is broken"
            ),
            section="Exceptions",
        ),
        "release_again": Param(
            False,
            type="boolean",
            title="Release again after a rollback",
            description=(
                "Release a version that was rolled back before; left off, such a release is refused and says"
                " why it was rolled back"
            ),
            section="Exceptions",
        ),
        "leave_out_newest": Param(
            False,
            type="boolean",
            title="Leave out other changes",
            description=(
                "Release although somebody deployed something else after what serves; the new revision does"
                " not have it"
            ),
            section="Exceptions",
        ),
        "outside_windows": Param(
            False,
            type="boolean",
            title="Begin outside the release windows",
            description=(
                "Begin production although no release window is open, or in a freeze; Reason must say why it"
                " cannot wait, and somebody else has to approve it"
            ),
            section="Exceptions",
        ),
        "canary_percent": _exception(
            type=["null", "integer"],
            minimum=1,
            maximum=49,
            title="Canary share",
            description="Share of the traffic in the canary phase, 1 to 49 %; empty: the policy's share",
        ),
    }


def regions_form() -> Mapping[str, Param]:
    """Return the fields of a release to several regions, for ``DAG(params=...)``.

    :return: the fields of :func:`release_form`, with the region to begin with.
    """
    fields = {name: field for name, field in release_form().items() if name != "follows"}
    fields["region"] = _exception(
        type=["null", "string"],
        title="Begin with region",
        description=(
            "Region to begin with; empty: the first one of the policy. The regions before it must serve the"
            " version already"
        ),
    )
    return fields


def _exception(**schema: Any) -> Param:
    """Return a field that may stay empty, below the ones that every release needs."""
    return Param(None, section="Exceptions", **schema)
