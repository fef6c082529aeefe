"""A release in one answer: how it stands, where the traffic is, why, and what can be done now."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from slipway.ui.api.models.base import Answer, State, StepName, StepState, VerdictName
from slipway.ui.api.models.evidence import BakeEvidence
from slipway.ui.api.models.traffic import ServiceTraffic


class FormField(Answer):
    """A field of Airflow's form.

    :param name: of the field.
    :param title: as people read it.
    :param description: what it is for.
    :param value: what it is filled in with; None where the person fills it in.
    :param options: what may be chosen; empty for free text, or yes and no.
    :param required: whether it must be filled in.
    """

    name: str
    title: str
    description: str
    value: str | bool | None
    options: tuple[str, ...]
    required: bool


class Waiting(Answer):
    """A person that the release waits for.

    :param subject: the question in one line.
    :param body: Markdown: the evidence, and what each answer does.
    :param options: the answers.
    :param for_whom: names of who may answer; empty for whoever may answer in Airflow.
    :param assigned_ids: their ids in Airflow.
    :param since: when it was asked.
    :param until: when the safe answer applies by itself; None where that is not known.
    :param safe_option: the answer that applies then.
    :param fields: what else may be filled in.
    :param dag_id: DAG of the task that asks: the release, or the rollback that somebody ordered.
    :param run_id: its run.
    :param task_id: Airflow task that asks.
    :param map_index: its map index; -1 for a task that is not mapped.
    """

    subject: str
    body: str
    options: tuple[str, ...]
    for_whom: tuple[str, ...]
    assigned_ids: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    safe_option: str | None
    fields: tuple[FormField, ...]
    dag_id: str
    run_id: str
    task_id: str
    map_index: int


class Standing(Answer):
    """How it stands.

    :param state: the state.
    :param summary: one line: how it stands, or how it ended and why.
    :param reason: why it is so: the reason of the last decision; empty while nothing is decided.
    :param missed: of a promoted release, what its deployment checklist found missed, a line each.
    :param asked_by: who asked for the release.
    :param asked_because: why, in the words of who asked.
    :param opened_at: when the release was opened.
    :param ended_at: when it ended; None while it is open.
    :param phase: the phase that it is in, or ended in; None before the first one.
    :param phase_ends_at: when the bake of the phase may be promoted at the earliest, or the question times
        out; None when no time runs.
    :param phase_deadline: when the bake ends at the latest; None when no bake runs.
    :param seconds_left: seconds until ``phase_ends_at`` at ``now``, at least 0; None when no time runs.
    :param waiting: the question that is open; None when nobody is waited for.
    """

    state: State
    summary: str
    reason: str
    missed: tuple[str, ...]
    asked_by: str
    asked_because: str | None
    opened_at: datetime
    ended_at: datetime | None
    phase: StepName | None
    phase_ends_at: datetime | None
    phase_deadline: datetime | None
    seconds_left: float | None
    waiting: Waiting | None


class StepGate(Answer):
    """The gate at the end of a phase.

    :param verdict: what it decided.
    :param reason: one line: why.
    :param decided_at: when.
    :param decided_by: the person, or ``evidence``.
    """

    verdict: VerdictName
    reason: str
    decided_at: datetime
    decided_by: str


class Step(Answer):
    """A phase of the release, for the stepper.

    :param phase: the phase.
    :param title: as people read it.
    :param state: how it stands.
    :param traffic_percent: share of the traffic that the phase gives the new revision, in percent; None for a
        phase before production.
    :param began_at: when it began; None when it did not.
    :param ended_at: when its gate decided; None while it runs.
    :param gate: what its gate decided; None while it has not.
    :param group_url: the phase's task group in Airflow, from the root of the web server.
    """

    phase: StepName
    title: str
    state: StepState
    traffic_percent: int | None
    began_at: datetime | None
    ended_at: datetime | None
    gate: StepGate | None
    group_url: str


class AirflowForm(Answer):
    """Airflow's own call that carries an action out, for who wants to send it with the form filled in here.

    Airflow's trigger form takes no values from an address, so that a link alone cannot fill it in.

    :param method: HTTP method.
    :param path: address in Airflow's public API, from the root of the web server.
    :param body: what is sent, as JSON; the fields go into its object ``fields_in``.
    :param fields_in: name of that object.
    :param fields: the fields; those with a value are filled in already.
    """

    method: Literal["POST", "PATCH"]
    path: str
    body: dict[str, Any]
    fields_in: str
    fields: tuple[FormField, ...]


class Action(Answer):
    """Something that the signed-in user may do now, by Airflow's own means.

    :param name: for machines: ``answer``, ``roll_back``, ``release``, ``open_run``.
    :param label: on the button.
    :param does: one sentence: what it will do.
    :param url: Airflow's page for it, from the root of the web server.
    :param weight: ``primary`` is the next thing to do, ``danger`` changes production's traffic back.
    :param form: Airflow's call behind it; None where the page behind ``url`` is all there is.
    """

    name: Literal["answer", "roll_back", "release", "open_run"]
    label: str
    does: str
    url: str
    weight: Literal["primary", "danger", "plain"]
    form: AirflowForm | None


class Report(Answer):
    """The report of a release that has ended.

    :param url: the report as a page, from the root of the web server.
    :param met: criteria of success that are met.
    :param criteria: all of them.
    """

    url: str
    met: int
    criteria: int


class ReleaseNow(Answer):
    """Everything for the four questions. Its ETag leaves ``now`` and ``seconds_left`` out of account.

    :param now: moment of the answer by the server's clock.
    :param live: whether it may still change by itself, so that it is worth asking again.
    :param poll_seconds: how long to wait before asking again, in seconds.
    :param id: the release.
    :param version: the version that is released.
    :param region: production region; None where it is not known.
    :param services: Cloud Run services of production that are released.
    :param policy: name of the product's policy.
    :param run_id: Airflow run that carries it out.
    :param run_url: the run in Airflow, from the root of the web server.
    :param report: its report; None before its end, or when none could be written.
    :param standing: how it stands.
    :param steps: the phases in their order.
    :param traffic: per production service; the one whose evidence decides comes first.
    :param evidence: of the bake that runs or was the last; None before the first check.
    :param actions: what the signed-in user may do now, the next thing first.
    """

    now: datetime
    live: bool
    poll_seconds: float
    id: str
    version: str
    region: str | None
    services: tuple[str, ...]
    policy: str
    run_id: str
    run_url: str
    report: Report | None
    standing: Standing
    steps: tuple[Step, ...]
    traffic: tuple[ServiceTraffic, ...]
    evidence: BakeEvidence | None
    actions: tuple[Action, ...]
