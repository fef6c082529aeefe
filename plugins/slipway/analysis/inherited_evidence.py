"""What the release to a later region takes over from the one before it, and whether that is enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slipway.policy.staging import StagingValidation

_BEGINNINGS = ("suite/", "checklist/")
_KEYS = (
    "load_test",
    "gate/staging",
    "configured/production",
    "database_checked/production",
    "backed_up/production",
    "rehearsed/production",
    "migrated/production",
    "gate/preparation",
)
_OF_ONE_REGION = "checklist/deployment"
GATES = ("gate/staging", "gate/preparation")


def is_inherited(key: str) -> bool:
    """Whether an entry is about the version, and not about the region that it was written for.

    :param key: the entry's key.
    """
    return key in _KEYS or (key.startswith(_BEGINNINGS) and key != _OF_ONE_REGION)


def judge_evidence(
    entries: Mapping[str, Mapping[str, Any]], validation: StagingValidation, *, source: str
) -> Mapping[str, Any]:
    """Decide whether a version is as well proven as in the region before.

    :param entries: what was taken over, payload by key.
    :param validation: names the suites that must have run.
    :param source: release that it was taken over from.
    """
    missing = [key for key in (*_suites(validation), *_KEYS) if key not in entries]
    if missing:
        return _decision("rollback", f"not on record of release {source}: {', '.join(missing)}")
    refused = list(_refused(entries))
    if refused:
        return _decision("rollback", f"of release {source}: {'; '.join(refused)}")
    return _decision(
        "promote",
        f"release {source} validated it in staging, prepared production and migrated the schema:"
        f" {len(entries)} entries taken over",
    )


def _suites(validation: StagingValidation) -> Sequence[str]:
    return [f"suite/{name}" for name in validation.suites]


def _refused(entries: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for key in GATES:
        if entries[key]["verdict"] != "promote":
            yield f"{key} is {entries[key]['verdict']}: {entries[key]['reason']}"


def _decision(verdict: str, reason: str) -> Mapping[str, Any]:
    return {"verdict": verdict, "reason": reason, "findings": []}
