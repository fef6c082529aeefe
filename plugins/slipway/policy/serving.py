"""Policy: checks of the new revisions before and after traffic moves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.policy.section import Seconds, Section


class WarmUp(Section):
    """Checks of the new revisions before traffic moves to them, at the URLs of their tags.

    :param suite: folder of the smoke tests, below ``include``; a failed test rolls the release back.
    :param suite_timeout_seconds: bound of the smoke tests.
    :param instances_timeout_seconds: the services' ``min_instances`` must be ready within this.
    """

    suite: str
    suite_timeout_seconds: Seconds
    instances_timeout_seconds: Seconds


class Verification(Section):
    """Check after a traffic shift that the configured split is the one that is served.

    Requests to the service's URL are counted by the revision that answers; there are enough of them to detect
    a revision that gets none.

    :param path: path of the requests: a GET without consequences, open to the worker, that Cloud Run does not
        reserve.
    :param revision_header: header in which the service names its revision.
    :param false_alarm_probability: bound on refusing a split that is served as configured.
    :param min_detectable_percent: smallest unwanted share of traffic that the check detects.
    :param settle_seconds: how long a new split may take to be served everywhere.
    :param request_timeout_seconds: bound of one request.
    """

    path: Annotated[str, Field(pattern="^/")]
    revision_header: str
    false_alarm_probability: Annotated[float, Field(gt=0, lt=0.1)]
    min_detectable_percent: Annotated[float, Field(gt=0, lt=100)]
    settle_seconds: Seconds
    request_timeout_seconds: Seconds = 5
