"""How calls to Google's APIs are retried, bounded and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests  # noqa: TID251 - the errors of the transport in Google's clients
from google.api_core import exceptions as google_errors
from google.api_core.retry import Retry, if_exception_type
from google.api_core.timeout import ConstantTimeout
from google.auth.exceptions import GoogleAuthError, TransportError

from slipway.exceptions import SlipwayError

ATTEMPT_SECONDS = 10.0
READ_SECONDS = 30.0

# The REST transport lets the errors of `requests` through, and reports only the base class of an HTTP status:
# code that catches gRPC's finer classes would behave differently by transport.
FAILURES = (google_errors.GoogleAPIError, requests.RequestException, GoogleAuthError)
TRANSIENT = (
    google_errors.TooManyRequests,
    google_errors.InternalServerError,
    google_errors.BadGateway,
    google_errors.ServiceUnavailable,
    google_errors.GatewayTimeout,
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    TransportError,
)


def retry_within(seconds: float, on_error: Callable[[Exception], object] | None = None) -> Retry:
    """Return the client library's retry of transient failures: 429, 5xx, and answers that got lost.

    :param seconds: bound over all attempts.
    :param on_error: called with each transient error before the next attempt.
    """
    return Retry(
        predicate=if_exception_type(*TRANSIENT),
        initial=0.2,
        maximum=3.0,
        multiplier=2.0,
        timeout=seconds,
        on_error=on_error,
    )


def attempt_timeout(seconds: float) -> ConstantTimeout:
    """Return the bound of one attempt, such that at least two attempts fit into ``seconds``."""
    return ConstantTimeout(max(0.1, min(ATTEMPT_SECONDS, seconds / 2)))  # type: ignore[no-untyped-call]


def bounded(seconds: float = READ_SECONDS) -> dict[str, Any]:
    """Return the keyword arguments by which a generated client retries transient failures within a bound.

    :param seconds: bound over all attempts.
    """
    return {"retry": retry_within(seconds), "timeout": attempt_timeout(seconds)}


@contextmanager
def reported_as(error: type[SlipwayError], doing: str) -> Iterator[None]:
    """Turn what the client libraries raise into one of the project's own errors.

    :param error: the class to raise.
    :param doing: what was being done and to what, the beginning of the message.
    """
    try:
        yield
    except FAILURES as failure:
        raise error(f"{doing}: {failure}") from failure
