"""Releases on record in a ledger in memory, for the unit tests of the operators."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, TypeVar

from slipway.ledger.entries import ReleaseOpened
from slipway.ledger.ledger import Release
from slipway.operators.base import ReleaseOperator
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.request import ValidatedRequest, plan_release

from tests.fake_ledger import FakeLedger

Operator = TypeVar("Operator", bound=ReleaseOperator)

VERSION, FIRST, LATER = "1.2.0", "us-central1", "europe-west1"
PRODUCTION = {"project_id": "rates-production", "location": FIRST}
STAGING = {"project_id": "rates-staging", "location": FIRST}


def two_regions() -> Policy:
    """Return the policy with a second region of production."""
    document = load_policy("release.yaml").model_dump(mode="json")
    document["environments"]["production"]["regions"] = [FIRST, LATER]
    return parse_policy(document, source="of the test")


def requested(run_id: str, policy: Policy | None = None, *, follows: str | None = None) -> ValidatedRequest:
    """Return the validated request of a run.

    :param policy: the policy that it is judged by.
    :param follows: release to the region before.
    """
    policy = policy or load_policy("release.yaml")
    plan = plan_release(
        {"version": VERSION},
        run_id=run_id,
        known_fields=("version",),
        policy=policy,
        resolve_digest=lambda image: f"{image.rpartition(':')[0]}@sha256:{'0' * 64}",
    )
    return ValidatedRequest(plan=plan.model_copy(update={"follows": follows}), policy=policy)


def opened(
    ledger: FakeLedger, run_id: str = "run", policy: Policy | None = None, *, follows: str | None = None
) -> Release:
    """Open the release of a run.

    :param ledger: where it goes on record.
    :param policy: the policy that it is judged by.
    :param follows: release to the region before.
    """
    request = requested(run_id, policy, follows=follows)
    names = [service.names["production"] for service in request.plan.services.values()]
    first = ReleaseOpened(actor="ada", stable={name: {f"{name}-old": 100} for name in names})
    return ledger.open_release(request.plan, request.policy, first)


def context_of(run_id: str = "run", **params: Any) -> Any:
    """Return the context of a task of a run."""
    run = SimpleNamespace(run_id=run_id, conf={}, triggering_user_name="ada")
    return {"params": {"version": VERSION} | params, "dag_run": run, "run_id": run_id} | run_with()


def run_with(verdict: str | None = None, *, failed: str | None = None) -> dict[str, Any]:
    """Return what a task's context says about the other tasks of its run.

    :param verdict: state of the task that gives the verdict.
    :param failed: another task, which failed.
    """
    others = {} if failed is None else {failed: "failed"}

    def states(_: str, *, task_ids: list[str] | None = None, run_ids: list[str]) -> dict[str, dict[str, str]]:
        asked = {} if verdict is None else dict.fromkeys(task_ids or ["verdict"], verdict)
        return {run_ids[0]: asked | others}

    return {"ti": SimpleNamespace(get_task_states=states), "dag": SimpleNamespace(dag_id="release")}


class CloudRun:
    """Cloud Run as far as locking a service goes."""

    def __init__(self) -> None:
        self.locked: list[str] = []

    def take_lease(self, address: Any, *_: Any, **__: Any) -> None:
        self.locked.append(address.service)


def using(task: Operator, ledger: FakeLedger) -> Operator:
    """Give an operator a ledger in memory, and a Cloud Run that only locks."""
    task.__dict__ |= {"ledger": ledger, "cloud_run": CloudRun()}
    return task


def least_policy(**more: Any) -> Policy:
    """Return the policy of a product that has nothing but a name, production, a service and phases.

    :param more: further parts of it.
    """
    with TemporaryDirectory() as folder:
        (Path(folder) / "least.yaml").write_text(
            json.dumps(
                {
                    "name": "exchange-rates",
                    "environments": {"production": PRODUCTION},
                    "services": {
                        "rates": {
                            "image": "gcr.io/rates/rates",
                            "names": {"production": "rates", "staging": "rates-staging"},
                            "min_instances": 1,
                            "max_instances": 9,
                        }
                    },
                    "phases": {
                        name: {"traffic_percent": percent, "bake_seconds": 600, "extension_seconds": 600}
                        for name, percent in (("canary", 10), ("half", 50), ("full", 100))
                    },
                }
                | more
            )
        )
        return load_policy("least.yaml", directory=Path(folder))
