"""The part of the policy that says what is checked of new revisions before and after traffic moves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.policy.section import Seconds, Section


class WarmUp(Section):
    """What must be seen of the new revisions before traffic moves to them, at the URLs of their tags.

    :param suite: smoke tests, a folder below ``include/``; one that fails rolls the release back.
    :param suite_timeout_seconds: bound of the smoke tests.
    :param instances_timeout_seconds: the services' ``min_instances`` must be ready within this.
    """

    suite: str
    suite_timeout_seconds: Seconds
    instances_timeout_seconds: Seconds


class Verification(Section):
    """How it is seen after a shift that the split asked for is the one that is served.

    Requests to the service's URL are counted by the revision that answers, as many as show a revision that is
    not reached at all.

    :param path: what is asked for; a GET without consequences, open to the worker.
    :param revision_header: header in which the service names its revision.
    :param false_alarm_probability: bound on refusing a split that is served as asked.
    :param leftover_percent: a revision that should get nothing and gets this share is found out.
    :param settle_seconds: how long the split may take to be served everywhere.
    :param request_seconds: bound of one request.
    """

    path: Annotated[str, Field(pattern="^/")]
    revision_header: str
    false_alarm_probability: Annotated[float, Field(gt=0, lt=0.1)]
    leftover_percent: Annotated[float, Field(gt=0, lt=100)]
    settle_seconds: Seconds
    request_seconds: Seconds = 5
