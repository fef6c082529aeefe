"""The list of releases, and the release of a run."""

from __future__ import annotations

from datetime import datetime

from slipway.ui.api.models.base import Answer, State, StepName


class Progress(Answer):
    """How far a release has come.

    :param phase: the phase that it is in, or ended in; None before the first one.
    :param number: of the phase, 1 to ``of``; 0 before the first one.
    :param of: how many phases there are.
    :param title: the phase as people read it.
    """

    phase: StepName | None
    number: int
    of: int
    title: str


class ListedRelease(Answer):
    """A release, or a request that was refused, as one line of the list.

    :param id: the release; None for a refused request, which opened none.
    :param run_id: Airflow run that carries it out.
    :param run_url: the run in Airflow, from the root of the web server.
    :param version: the version that is released.
    :param product: name of its policy; None of a refused request.
    :param region: production region; None where it is not known.
    :param services: Cloud Run services of production that are released.
    :param state: how it stands.
    :param progress: how far it has come.
    :param summary: one line: how it stands or how it ended, and why; the reason of a refused request.
    :param asked_by: who asked for it.
    :param opened_at: when it was opened, or refused.
    :param ended_at: when it ended; None while it is open.
    """

    id: str | None
    run_id: str
    run_url: str
    version: str
    product: str | None
    region: str | None
    services: tuple[str, ...]
    state: State
    progress: Progress
    summary: str
    asked_by: str
    opened_at: datetime
    ended_at: datetime | None


class ReleaseList(Answer):
    """A page of the releases, the newest first, as the filters of the request leave them.

    :param releases: at most ``per_page``.
    :param page: number of this page, from 1 on.
    :param per_page: lines of a page.
    :param total: lines that the filters leave, on all pages.
    :param products: every product that was ever released, to filter by.
    :param services: every service that was ever released, to filter by.
    :param people: everybody who ever asked for a release, to filter by.
    """

    releases: tuple[ListedRelease, ...]
    page: int
    per_page: int
    total: int
    products: tuple[str, ...]
    services: tuple[str, ...]
    people: tuple[str, ...]


class RunRelease(Answer):
    """The release of an Airflow run.

    :param release: its id; None when the run opened none.
    :param refused: the refused request of the run, if it was refused.
    :param detail: one sentence: why the run has no release; empty when it has one.
    """

    release: str | None
    refused: ListedRelease | None
    detail: str
