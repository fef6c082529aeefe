"""PromQL hook: instant queries to Prometheus or to Cloud Monitoring."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from http import HTTPStatus
from random import uniform
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote_plus

import httpx
import tenacity
from airflow.sdk import Connection
from airflow.sdk.bases.hook import BaseHook

from slipway.exceptions import MetricsAnswerOdd, MetricsQueryInvalid, MetricsUnavailable
from slipway.hooks.google.tokens import GoogleToken, is_google
from slipway.hooks.metrics.answer import Answer, NoAnswerError
from slipway.hooks.metrics.shared_client import SharedClient, borrow, give_back

T = TypeVar("T")
#: Seconds before the second attempt; each pause is twice the one before, and a part of the first by chance.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
#: Those of some hundred bakes, each of which asks the same again and again.
_EXPRESSIONS = 10_000
BAD_QUERY = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


@dataclass(frozen=True)
class Sample:
    """One value of an instant query.

    :param labels: labels of its series.
    :param value: the value, never NaN.
    :param timestamp: seconds since 1970 that the value is for.
    """

    labels: dict[str, str]
    value: float
    timestamp: float


class PromQLHook(BaseHook):
    """Ask a PromQL API.

    A result of no samples is an answer: there is no evidence. A NaN (such as 0/0) is dropped for the same
    reason; it is never read as 0. An answer with warnings may be partial and is none.

    :param conn_id: Airflow connection of type ``http`` with the base URL as host, up to and without
        ``/api/v1``. Extra ``google_conn_id`` names the connection whose token goes to a base URL of
        Google's; to no other address is a token sent.
    :param timeout: bound of one attempt, in seconds.
    :param attempts: how often a query is asked when the answer is a transient failure.
    :param replica_labels: labels that name which of several replicas collected a series. Series that differ
        in nothing else are one, with the highest value: that of the replica that has seen the most of it.
    """

    def __init__(
        self,
        conn_id: str = "slipway_promql",
        timeout: float = 5.0,
        attempts: int = 3,
        replica_labels: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.replica_labels = frozenset(replica_labels)
        self.conn_id = conn_id
        self._timeout = timeout
        self._attempts = attempts
        self._target: tuple[str, GoogleToken] | None = None
        self._async_client: SharedClient | None = None
        self._connecting = asyncio.Lock()

    def query(self, expr: str, time: float | None = None) -> list[Sample]:
        """Evaluate an expression at one moment.

        :param expr: PromQL expression.
        :param time: the moment in seconds since 1970, None for now.
        :raises MetricsQueryInvalid: when the API refuses the expression.
        :raises MetricsAnswerOdd: when the answer is partial, or has values that are no numbers.
        :raises MetricsUnavailable: when it gives no usable answer after every attempt.
        """
        samples = self._get("query", _params(expr, time), lambda answer: _samples(expr, answer))
        return without_replicas(samples, self.replica_labels)

    def alerts(self) -> frozenset[str] | None:
        """Return the names of the alerting rules that the source evaluates; None of Google's: it has no list.

        :raises MetricsUnavailable: when it gives no usable answer after every attempt.
        """
        base, _ = self._target or self._connect(self.get_connection(self.conn_id))
        return None if is_google(base) else self._get("rules", {"type": "alert"}, _alerts)

    def _get(self, path: str, params: dict[str, str], read: Callable[[Answer], T]) -> T:
        base, token = self._target or self._connect(self.get_connection(self.conn_id))
        try:
            with httpx.Client(timeout=self._timeout) as client:
                for attempt in tenacity.Retrying(**self._retry()):
                    with attempt:
                        headers = token.headers(base, MetricsUnavailable)
                        found = read(_ask(client, f"{base}/api/v1/{path}", params, headers))
        except NoAnswerError as error:
            raise self._unavailable(base, error) from error
        return found

    async def aquery(self, expr: str, time: float | None = None) -> list[Sample]:
        """Do :meth:`query` without blocking, over connections that all hooks of the loop share.

        Call :meth:`aclose` in the end.

        :param expr: PromQL expression.
        :param time: the moment in seconds since 1970, None for now.
        :raises MetricsQueryInvalid: when the API refuses the expression.
        :raises MetricsAnswerOdd: when the answer is partial, or has values that are no numbers.
        :raises MetricsUnavailable: when it gives no usable answer after every attempt.
        """
        base, token = self._target or await self._aconnect()
        if self._async_client is None:
            self._async_client = borrow(self._timeout)
        # Put together here: the client's own way to encode a long query takes milliseconds.
        moment = "" if time is None else f"&time={time:.3f}"
        url = f"{base}/api/v1/query?query={_encoded(expr)}{moment}"
        attempt = 1
        while True:
            try:
                # Only a token of Google's may have to be asked for, which blocks.
                headers = (
                    await asyncio.to_thread(token.headers, base, MetricsUnavailable)
                    if is_google(base)
                    else {}
                )
                samples = _samples(expr, await self._async_client.get(url, headers))
                return without_replicas(samples, self.replica_labels)
            except NoAnswerError as error:
                if attempt >= self._attempts:
                    raise self._unavailable(base, error) from error
            # Not tenacity's, which takes half as long to begin as the whole query does.
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)) + uniform(0, FIRST_PAUSE)  # noqa: S311
            await asyncio.sleep(pause)
            attempt += 1

    async def aclose(self) -> None:
        """Let go of the connections of :meth:`aquery`."""
        if self._async_client is not None:
            self._async_client = None
            await give_back(self._timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _connect(self, connection: Connection) -> tuple[str, GoogleToken]:
        google = connection.extra_dejson.get("google_conn_id", "google_cloud_default")
        self._target = base_url(connection), GoogleToken(google)
        return self._target

    async def _aconnect(self) -> tuple[str, GoogleToken]:
        async with self._connecting:
            # Of many queries at once the first one asks for the connection.
            return self._target or self._connect(await self.aget_connection(self.conn_id))

    def _retry(self) -> dict[str, Any]:
        return {
            "retry": tenacity.retry_if_exception_type(NoAnswerError),
            "stop": tenacity.stop_after_attempt(self._attempts),
            "wait": tenacity.wait_exponential_jitter(
                initial=FIRST_PAUSE, max=LONGEST_PAUSE, jitter=FIRST_PAUSE
            ),
            "reraise": True,
        }

    def _unavailable(self, base: str, error: NoAnswerError) -> MetricsUnavailable:
        return MetricsUnavailable(
            f"connection {self.conn_id}: {base} gives no usable answer after {self._attempts} attempts:"
            f" {error}"
        )


def without_replicas(samples: Sequence[Sample], replica_labels: Collection[str]) -> list[Sample]:
    """Return each series once that several replicas collected.

    :param samples: an answer.
    :param replica_labels: labels that name the replica; they are left out of what is returned.
    """
    if not replica_labels:
        return list(samples)
    series: dict[frozenset[tuple[str, str]], list[Sample]] = {}
    found: list[Sample] = []
    for sample in samples:
        kept = {name: value for name, value in sample.labels.items() if name not in replica_labels}
        if len(kept) == len(sample.labels):
            found.append(sample)
        else:
            series.setdefault(frozenset(kept.items()), []).append(replace(sample, labels=kept))
    found += [max(replicas, key=lambda sample: sample.value) for replicas in series.values()]
    return found


def base_url(connection: Connection) -> str:
    """Return the base URL of a connection: its host when that is a whole URL, else put together.

    :param connection: Airflow connection of type ``http``.
    :raises MetricsUnavailable: when it has no host.
    """
    host = connection.host or ""
    if not host:
        raise MetricsUnavailable(
            f"connection {connection.conn_id}: no host; set the base URL of the PromQL API"
        )
    if "://" not in host:
        host = f"{connection.schema or 'https'}://{host}" + (f":{connection.port}" if connection.port else "")
    return host.rstrip("/")


def _params(expr: str, time: float | None) -> dict[str, str]:
    return {"query": expr} if time is None else {"query": expr, "time": f"{time:.3f}"}


@lru_cache(maxsize=_EXPRESSIONS)
def _encoded(expr: str) -> str:
    return quote_plus(expr)


def _ask(client: httpx.Client, url: str, params: dict[str, str], headers: dict[str, str]) -> Answer:
    """Ask once.

    :raises NoAnswerError: when there is none.
    """
    try:
        found = client.get(url, params=params, headers=headers)
    except httpx.HTTPError as error:
        raise NoAnswerError(str(error) or type(error).__name__) from error
    return Answer(url, found.status_code, found.text)


def _samples(expr: str, answer: Answer) -> list[Sample]:
    """Read an answer.

    :raises NoAnswerError: when asking again may help.
    """
    if answer.status in BAD_QUERY:
        raise MetricsQueryInvalid(f"query {expr!r}: refused: {answer.body.get('error', answer.text[:200])}")
    body = answer.successful()
    # Prometheus 2 puts its hints about a query, such as a counter's name, among the warnings.
    warnings = [text for text in map(str, body.get("warnings") or ()) if not text.startswith("PromQL info")]
    if warnings:
        raise MetricsAnswerOdd(f"query {expr!r}: the answer may be partial: {'; '.join(warnings)}")
    data = body.get("data")
    return parse_result(expr, data if isinstance(data, dict) else {})


def _alerts(answer: Answer) -> frozenset[str]:
    """Read the names of the alerting rules.

    :raises NoAnswerError: when asking again may help.
    """
    body = answer.successful()
    try:
        return frozenset(rule["name"] for group in body["data"]["groups"] for rule in group["rules"])
    except (KeyError, TypeError) as error:
        raise MetricsUnavailable(f"{answer.url}: the answer is no list of rules: {error!r}") from error


def parse_result(expr: str, data: dict[str, Any]) -> list[Sample]:
    """Read the ``data`` of a successful answer, without NaN values.

    :param expr: the expression asked, for the error.
    :param data: object with ``resultType`` and ``result``.
    :raises MetricsQueryInvalid: when the result is neither a vector nor a scalar.
    :raises MetricsAnswerOdd: when a value is no number, such as a native histogram.
    """
    kind, result = data.get("resultType"), data.get("result")
    if kind == "scalar":
        series: list[Any] = [{"metric": {}, "value": result}]
    elif kind == "vector" and isinstance(result, list):
        series = result
    else:
        raise MetricsQueryInvalid(
            f"query {expr!r}: gives a {kind}, must give a vector or a scalar; ask without a range"
        )
    return [sample for sample in (_sample(expr, item) for item in series) if not math.isnan(sample.value)]


def _sample(expr: str, item: Any) -> Sample:
    """Read a series of an answer.

    :raises MetricsAnswerOdd: when its value is no number.
    """
    if "value" not in item and "histogram" in item:
        raise MetricsAnswerOdd(
            f"query {expr!r}: {item.get('metric')} is a native histogram; ask for histogram_count() or for"
            " classic buckets"
        )
    try:
        timestamp, value = item["value"]
        return Sample(labels=dict(item["metric"]), value=float(value), timestamp=float(timestamp))
    except (KeyError, TypeError, ValueError) as error:
        raise MetricsAnswerOdd(f"query {expr!r}: {str(item)[:200]} is no series with a value") from error
