"""The rollback record: a file that every release writes at its start, for the way back without Airflow.

It holds the whole release as it began, so that its traffic is restored by the same code when neither Airflow
nor the ledger answers. It holds no secret.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from slipway.exceptions import RequestRefused, SlipwayError
from slipway.ledger.entries import ReleaseOpened
from slipway.ledger.ledger import Release
from slipway.ledger.plan import ReleasePlan
from slipway.policy.formats import parse_recorded_policy
from slipway.policy.release import Policy

if TYPE_CHECKING:
    from slipway.ledger.chain import Kind

FOLDER_VARIABLE = "SLIPWAY_ROLLBACK_RECORDS"
_SUFFIX = ".rollback.json"


class RollbackRecord(BaseModel):
    """A release as it began: enough to restore what served then.

    :param plan: what is released.
    :param policy: the policy it is judged by.
    :param opened: the entry that opens it, with the split to restore.
    :param opened_at: moment in UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    plan: ReleasePlan
    policy: Policy
    opened: ReleaseOpened
    opened_at: datetime

    @property
    def release(self) -> Release:
        """The release; whether it has ended is not in the file."""
        return Release(
            release_id=self.plan.release_id,
            version=self.plan.version,
            run_id=self.plan.run_id,
            actor=self.opened.actor,
            plan=self.plan,
            policy=self.policy,
            stable=self.opened.stable,
            outcome=None,
            reason=None,
            opened_at=self.opened_at,
            closed_at=None,
        )

    def get(self, release_id: str, kind: type[Kind], **parts: str | int | None) -> Kind | None:
        """Return an entry as the ledger would; only the one that opened the release is in the file.

        :param release_id: the release.
        :param kind: what happened.
        """
        return self.opened if isinstance(self.opened, kind) else None


def record_path(release_id: str) -> Path:
    """Return where a release keeps its rollback record.

    ``SLIPWAY_ROLLBACK_RECORDS`` in the environment names the folder; without it that is ``rollback_records``
    below ``AIRFLOW_HOME``.

    :param release_id: the release.
    """
    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    return Path(os.environ.get(FOLDER_VARIABLE, home / "rollback_records")) / f"{release_id}{_SUFFIX}"


def write_record(plan: ReleasePlan, policy: Policy, opened: ReleaseOpened) -> Path:
    """Write the rollback record of a release, and remove those whose rollback window is over.

    :param plan: what is released.
    :param policy: the policy it is judged by.
    :param opened: the entry that opens it.
    :return: the file.
    :raises RequestRefused: when the file cannot be written.
    """
    path = record_path(plan.release_id)
    record = RollbackRecord(plan=plan, policy=policy, opened=opened, opened_at=datetime.now(UTC))
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The entry with the format that it is written in, as the ledger keeps it.
        content = record.model_dump(mode="json") | {"opened": opened.payload()}
        part.write_text(json.dumps(content, indent=1))
        part.replace(path)
        if (window := policy.rollback_window) is not None:
            _remove(path.parent, older_than=window)
    except OSError as error:
        raise RequestRefused(
            f"{FOLDER_VARIABLE}={path.parent}: the rollback record of the release cannot be written: {error};"
            " name a folder that the workers may write to"
        ) from error
    return path


def _remove(folder: Path, *, older_than: timedelta) -> None:
    for old in folder.glob(f"*{_SUFFIX}"):
        if old.stat().st_mtime < time.time() - older_than.total_seconds():
            old.unlink(missing_ok=True)


def read_record(path: Path, release_id: str) -> RollbackRecord:
    """Read the rollback record of a release.

    :param path: the file.
    :param release_id: the release that it must be of.
    :raises RequestRefused: when there is no such file, it cannot be read, or it is another release's.
    """
    try:
        content: Mapping[str, Any] = json.loads(path.read_text())
        policy = parse_recorded_policy(content["policy"], source=f"of {path}")
        opened = ReleaseOpened.read(ReleaseOpened.KEY, content["opened"])
        record = RollbackRecord.model_validate({**content, "policy": policy, "opened": opened})
    except (OSError, ValueError, KeyError, TypeError, SlipwayError) as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise RequestRefused(
            f"record={path}: cannot be read as a rollback record: {why}; the releases write theirs to"
            f" {record_path(release_id).parent}"
        ) from error
    if record.plan.release_id != release_id:
        raise RequestRefused(
            f"record={path}: is of release {record.plan.release_id}, not of {release_id}; name its own file,"
            f" {record_path(release_id)}"
        )
    return record


def rollback_commands(policy: Policy, stable: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return the commands that return the traffic of a release's services to what served before it.

    :param policy: says where the services are.
    :param stable: by service, the split that served when the release began.
    """
    production = policy.environments["production"]
    return [
        f"gcloud run services update-traffic {service} --project {production.project_id}"
        f" --region {production.location} --to-revisions "
        + ",".join(f"{revision}={percent}" for revision, percent in split.items())
        for service, split in sorted(stable.items())
        if split
    ]
