"""The release policy: services, phases, thresholds and configuration, loaded from ``include/policy/*.yaml``.

A policy is data that people review. It is read strictly: an unknown key, a value out of range or a missing
reference is refused with the file, the field, the value and what is allowed, before anything is released.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from slipway.exceptions import PolicyError
from slipway.policy.checklist import ITEMS, ItemName, Respondents
from slipway.policy.coherence import problems
from slipway.policy.environment import Database
from slipway.policy.errors import describe
from slipway.policy.fields import (
    FORMAT,
    EnvironmentName,
    GatedPhaseName,
    Phase,
    PhaseName,
    PolicyFields,
    Service,
)
from slipway.policy.files import POLICY_DIRECTORY, read_document
from slipway.policy.google_cloud import refused_policy
from slipway.policy.metrics import QuantileMetric
from slipway.policy.migrations import Migrations
from slipway.policy.section import stated
from slipway.policy.staging import LoadTest, StagingValidation

__all__ = [
    "FORMAT",
    "EnvironmentName",
    "GatedPhaseName",
    "Phase",
    "PhaseName",
    "Policy",
    "Service",
    "load_policy",
    "parse_policy",
]


class Policy(PolicyFields):
    """A whole release policy, whose parts fit together."""

    def respondents(self, own: Respondents | None = None) -> tuple[str, ...]:
        """Return the ids of the users who may answer a question; empty: whoever may answer in Airflow.

        :param own: what the question says itself.
        """
        found = own or self.answered_by or Respondents.model_construct()
        members = (user for role in found.roles for user in self.roles[role])
        return tuple(dict.fromkeys((*found.people, *members)))

    @model_validator(mode="after")
    def _is_coherent(self) -> Policy:
        for problem in problems(self):
            raise ValueError(problem)
        return self

    def database(self, environment: EnvironmentName) -> Database:
        """Return an environment's database.

        :param environment: ``staging`` or ``production``.
        :raises PolicyError: when the product has none.
        """
        return stated(self.environments[environment].database, f"environments.{environment}.database")

    @property
    def schema_rules(self) -> Migrations:
        """How the schema is migrated.

        :raises PolicyError: when the product has no database.
        """
        return stated(self.migrations, "migrations")

    @property
    def validation(self) -> StagingValidation:
        """How a version is validated in staging.

        :raises PolicyError: when it is not.
        """
        return stated(self.staging_validation, "staging_validation")

    @property
    def load_test(self) -> LoadTest:
        """How staging is loaded.

        :raises PolicyError: when it is not.
        """
        return stated(self.validation.load_test, "staging_validation.load_test")

    @property
    def database_services(self) -> Sequence[str]:
        """Keys of the services that use the database; none without one."""
        return () if self.migrations is None else self.migrations.services

    @property
    def rollback_window(self) -> timedelta | None:
        """How long after its promotion a release may be rolled back; None where no schema moves on."""
        if self.migrations is None:
            return None
        return timedelta(seconds=self.migrations.rollback_window_seconds)

    @property
    def notified_via(self) -> str | None:
        """Airflow connection of the team's channel; None where nobody is notified."""
        notification = self.checklist.notification
        return None if notification is None else notification.connection

    @property
    def items(self) -> tuple[ItemName, ...]:
        """The items of the checklist before the deployment that this product has, in the strategy's order."""
        validation, checklist = self.staging_validation, self.checklist
        has: Mapping[ItemName, bool] = {
            "validation_tests": validation is not None and bool(validation.suites),
            "business_value": checklist.business_value is not None,
            "staging_environment": "staging" in self.environments,
            "production_configuration": bool(self.configuration),
            "dashboards": checklist.dashboards is not None,
            "rollback_tested": checklist.rollback_drill is not None,
            "team_notified": checklist.notification is not None,
        }
        return tuple(name for name in ITEMS if has[name])

    @property
    def region(self) -> str:
        """The region of production that is released to."""
        return self.environments["production"].location

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions of production, in the order in which a version is released to them."""
        return self.environments["production"].regions

    @property
    def region_before(self) -> str | None:
        """The region that must serve a version before this one gets it; None for the first."""
        position = self.regions.index(self.region)
        return self.regions[position - 1] if position else None

    @property
    def region_after(self) -> str | None:
        """The region that a version is released to after this one; None for the last."""
        position = self.regions.index(self.region)
        return next(iter(self.regions[position + 1 :]), None)

    @property
    def progressive_service(self) -> str:
        """Key of the service whose traffic moves step by step."""
        return next(key for key, service in self.services.items() if service.rollout == "progressive")

    def with_canary_percent(self, percent: int) -> Policy:
        """Return this policy with another share of traffic in its first phase.

        :param percent: 1..99, below the second phase's share.
        :raises PolicyError: when the phases would no longer rise.
        """
        document = self.model_dump(mode="json")
        document["phases"]["canary"]["traffic_percent"] = percent
        return parse_policy(document, source="canary_percent")

    def in_region(self, region: str) -> Policy:
        """Return this policy for the release to one region of production.

        :param region: the region.
        :raises PolicyError: when production does not run there.
        """
        document = self.model_dump(mode="json")
        document["environments"]["production"]["location"] = region
        return parse_policy(document, source="region")

    def at_edges(self, edges: Mapping[str, Sequence[float]]) -> Policy:
        """Return this policy with the latency limits that a release is judged at.

        :param edges: bucket edges by the key of their metric.
        """
        metrics = {
            key: metric.at_edges(edges[key])
            if isinstance(metric, QuantileMetric) and key in edges
            else metric
            for key, metric in self.metrics.items()
        }
        return self.model_copy(update={"metrics": metrics})

    def without_stable(self) -> Policy:
        """Return this policy for a release whose serving version is the broken one.

        No metric is compared with stable and nothing is left out because stable is bad: the new version is
        judged by the targets and triggers alone. Otherwise a broken stable would excuse whatever a canary
        does, and would put the evidence of its fix into quarantine.
        """
        document = self.model_dump(mode="json")
        for metric in document["metrics"].values():
            if "compare_with_stable" in metric:
                metric["compare_with_stable"] = False
        return parse_policy(document, source="stable_is_broken")


def parse_policy(document: Mapping[str, Any], *, source: str) -> Policy:
    """Check a policy document.

    :param document: the policy as plain data.
    :param source: where it came from, for messages.
    :raises PolicyError: with one line for every field that is wrong.
    """
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        raise PolicyError("\n".join(f"policy {source}: {line}" for line in describe(error))) from error


def load_policy(name: str, *, directory: Path = POLICY_DIRECTORY) -> Policy:
    """Read a policy file with those that it extends, and the defaults.

    ``${NAME}`` in a value is replaced by the environment variable, which lets an overlay name local ports.

    :param name: file name in ``directory``.
    :param directory: folder of the files.
    :raises PolicyError: when the file is missing, is not YAML, or a field is wrong.
    """
    policy = parse_policy(read_document(name, directory), source=name)
    if policy.region_before is not None:
        raise PolicyError(
            f"policy {name}: environments.production.location={policy.region}: a release begins in the first"
            f" of regions, {policy.regions[0]}; leave location out"
        )
    # Not in the model: a policy on record is read again although nothing could be released by it.
    refused = list(refused_policy(policy))
    if refused:
        raise PolicyError("\n".join(f"policy {name}: {line}" for line in refused))
    return policy
