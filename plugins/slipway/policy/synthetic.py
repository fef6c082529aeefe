"""Policy: requests that a release sends itself while a phase bakes, beside those of the users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from slipway.policy.section import Seconds, Section


class JourneyRequest(Section):
    """One request of a journey. It must change nothing that a user, a KPI or a budget counts.

    :param path: below the service's URL.
    :param headers: sent with it; no secrets, since a policy is on record.
    :param body: sent as JSON; left out, the request has none.
    """

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: Annotated[str, Field(pattern="^/")]
    headers: Mapping[str, str] = {}
    body: Any = None


class SyntheticRequests(Section):
    """Requests to the new revision, and as many to the service, interleaved, while a phase bakes.

    The product marks what it counts of them with a label, by the header that they carry. So they are metrics
    of their own, and no metric of the users' requests has them.

    :param journey: the requests, sent one after the other, again and again. In a policy's file it is the name
        of a file in the policy's folder.
    :param requests_per_second: to the URL of the new revision's tag, and as many to the service's URL.
    :param timeout_seconds: bound of one request.
    :param header: header of every synthetic request, with the value ``true``.
    :param label: label of the product's counters that is ``true`` for synthetic requests alone.
    :param metrics: key of the metric of the users' requests to that of the synthetic ones.
    :param promotion_evidence: e-value that a promotion needs of each of these metrics of the users' requests,
        instead of ``decision.promotion_evidence``, which it needs of the synthetic ones: a release that is
        bad for users alone is promoted with a probability of at most 1 over this.
    :param connection: Airflow connection whose password is sent as a bearer token; left out, none is.
    """

    journey: Annotated[tuple[JourneyRequest, ...], Field(min_length=1)]
    requests_per_second: Annotated[float, Field(gt=0, le=5)]
    timeout_seconds: Seconds = 10
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "x-synthetic-request"
    label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] = "synthetic"
    metrics: Annotated[Mapping[str, str], Field(min_length=1)]
    promotion_evidence: Annotated[float, Field(ge=10)] = 10
    connection: str | None = None
