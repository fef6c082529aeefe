"""Policy: the checklist before production is changed, and the approval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from slipway.policy.section import Seconds, Section

ItemName = Literal[
    "validation_tests",
    "business_value",
    "staging_environment",
    "production_configuration",
    "dashboards",
    "rollback_tested",
    "team_notified",
]
ITEMS: Sequence[ItemName] = get_args(ItemName)

CHECKED_FIRST: Sequence[ItemName] = tuple(name for name in ITEMS if name != "production_configuration")
"""The items checked before production is touched; its configuration is in place only afterwards."""

TITLES: Mapping[ItemName, str] = {
    "validation_tests": "All validation tests passing",
    "business_value": "Business value metrics validated",
    "staging_environment": "Staging environment validated",
    "production_configuration": "Production configuration prepared",
    "dashboards": "Monitoring dashboards configured",
    "rollback_tested": "Rollback procedures tested",
    "team_notified": "Team notified and on standby",
}

Usd = Annotated[float, Field(gt=0)]


class BusinessValue(Section):
    """The projection that justifies the release, and its parts.

    :param customers: number of customers in the projection.
    :param saving_per_customer_usd: USD a year.
    :param projection_usd: USD a year; must be ``customers * saving_per_customer_usd``.
    :param cost_usd: cost in the same year, in USD.
    :param return_percent: must be ``100 * (projection_usd - cost_usd) / cost_usd``.
    """

    customers: Annotated[int, Field(ge=1)]
    saving_per_customer_usd: Usd
    projection_usd: Usd
    cost_usd: Usd
    return_percent: float


class Dashboards(Section):
    """The Grafana dashboards that must exist.

    :param directory: folder of their JSON files, below ``include``.
    :param titles: of the dashboards, as in the files.
    """

    directory: str
    titles: Annotated[Sequence[str], Field(min_length=1)]


class Alerts(Section):
    """The Prometheus alerts that must be configured.

    :param directory: folder of the rule files, below ``include``.
    :param names: of the alerts.
    """

    directory: str
    names: Annotated[Sequence[str], Field(min_length=1)]


class RollbackDrill(Section):
    """How old the last successful rehearsal of a rollback may be, in days."""

    maximum_age_days: Annotated[float, Field(gt=0, le=366)]


class Notification(Section):
    """How the team is notified: an Airflow connection of type ``http`` (a webhook) or ``smtp`` (e-mail)."""

    connection: str


class Checklist(Section):
    """The strategy's deployment checklist; every item before the deployment must be fulfilled.

    An item that a product does not have is left out, and is no line of the list.

    :param business_value: needs staging's load test, which measures what the projection stands on.
    :param rollback_drill: needs staging, where the rollback is rehearsed.
    :param notification: left out, nobody is notified of anything.
    :param optional: items that are shown, but hold nothing when they are not fulfilled.
    """

    business_value: BusinessValue | None = None
    dashboards: Dashboards | None = None
    alerts: Alerts | None = None
    rollback_drill: RollbackDrill | None = None
    notification: Notification | None = None
    optional: tuple[ItemName, ...] = ()


class Respondents(Section):
    """Who may answer a question.

    :param people: ids of Airflow users.
    :param roles: keys of the policy's ``roles``.
    """

    people: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_somebody(self) -> Respondents:
        if not (self.people or self.roles):
            raise ValueError("must name a person or a role; left out, whoever may answer in Airflow answers")
        return self


class Gate(Section):
    """A person is asked before a phase's traffic moves, while the metrics of the phase before stay checked.

    :param by_another_person: the person who requested the release cannot approve it.
    :param answered_by: who may answer; left out, the policy's ``answered_by``.
    :param answer_timeout_seconds: bound of the wait for the answer; without one the release is rolled back.
    """

    by_another_person: bool = True
    answered_by: Respondents | None = None
    answer_timeout_seconds: Seconds


class Approval(Section):
    """Whether a person is asked before production gets traffic of a release.

    :param required: without it the checklist alone decides.
    :param by_another_person: the person who requested the release cannot approve it.
    :param answered_by: who may answer; left out, the policy's ``answered_by``.
    :param answer_timeout_seconds: bound of the wait for the answer; without one the release is rolled
        back.
    """

    required: bool
    by_another_person: bool
    answered_by: Respondents | None = None
    answer_timeout_seconds: Seconds
