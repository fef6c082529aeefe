"""Where the traffic of a service is, and where it was."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from slipway.ui.api.models.base import Answer


class Share(Answer):
    """The share of one revision.

    :param revision: short name of the Cloud Run revision.
    :param version: the version in its name; the name itself where no release made it.
    :param percent: share of the traffic in percent.
    :param is_new: whether it is the release's own revision.
    """

    revision: str
    version: str
    percent: int
    is_new: bool


class SplitStep(Answer):
    """A split that was put in force; it holds until the next one.

    :param at: from when.
    :param shares: revisions with traffic.
    :param new_percent: share of the release's own revision in percent.
    :param why: what set it, and what was out of the ordinary.
    """

    at: datetime
    shares: tuple[Share, ...]
    new_percent: int
    why: str


class ServiceTraffic(Answer):
    """The traffic of one production service.

    :param service: the Cloud Run service.
    :param decides: whether the release is decided by this service's evidence.
    :param shares: the split now, revisions with traffic only.
    :param source: ``cloud_run`` as Google answered, ``record`` as the release's record has it.
    :param read_at: when Google was asked, or when the split on record was set.
    :param note: why it is from the record, or how the live split differs from it; empty when there is nothing
        to say.
    :param history: every split of the release, the oldest first.
    :param console_url: the service in the Google Cloud console; None where it is not known.
    """

    service: str
    decides: bool
    shares: tuple[Share, ...]
    source: Literal["cloud_run", "record"]
    read_at: datetime
    note: str
    history: tuple[SplitStep, ...]
    console_url: str | None
