"""What a Google Cloud project does, asked with a tiny service that is made for it and taken away again."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from slipway.exceptions import ReleaseConflict, SlipwayError
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.google.identity_token import IdentityToken

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.hooks.metrics.promql import PromQLHook

COUNT = "run_googleapis_com:request_count"
TAG = "candidate"
ROUND = 40
"""Requests of one round; two rounds show whether readings add up."""


@dataclass(frozen=True)
class Answer:
    """One answer to one question.

    :param question: what was asked.
    :param stand_in: what the local cloud does.
    :param here: what was seen.
    :param differs: whether the two are not the same.
    """

    question: str
    stand_in: str
    here: str
    differs: bool


@dataclass(frozen=True)
class Bounds:
    """How long the probe waits, in seconds.

    :param call: for a call of Cloud Run.
    :param settle: for a split to be served everywhere.
    :param metrics: for a request to be readable in the metrics.
    :param pause: between two readings.
    """

    call: float = 300
    settle: float = 120
    metrics: float = 600
    pause: float = 15


def kind_of_readings(first: float, second: float, round_size: int) -> str:
    """Say what two readings of a counter are, each taken after a further round of requests was readable.

    :param first: the highest reading after one round.
    :param second: the highest reading after another one.
    :param round_size: requests of a round.
    """
    if second >= first + 0.75 * round_size:
        return "a running total"
    if second <= first + 0.25 * round_size:
        return "what came since the reading before: not a running total"
    return f"neither: {first:g}, then {second:g} after {round_size} more requests"


class GoogleProbe:
    """Walks what the hooks call, with a service of its own.

    :param cloud_run: Cloud Run hook.
    :param promql: PromQL hook.
    :param project: Google Cloud project.
    :param region: region.
    :param image: an image that listens on ``PORT`` and names its revision in a header or its page.
    :param env: variables that the image needs.
    :param bounds: how long to wait.
    """

    def __init__(
        self,
        cloud_run: CloudRunTrafficHook,
        promql: PromQLHook,
        *,
        project: str,
        region: str,
        image: str,
        env: Mapping[str, str] | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._cloud_run = cloud_run
        self._promql = promql
        self._image = image
        self._env = dict(env or {})
        self._bounds = bounds or Bounds()
        self.address = ServiceAddress(project, region, f"slipway-probe-{secrets.token_hex(3)}")

    def ask(self) -> Iterator[Answer]:
        """Yield one answer after another; the service is taken away in the end, whatever happens."""
        questions: Sequence[Callable[[], Answer]] = (
            self._first_revision,
            self._second_revision,
            self._tag,
            self._reserved_path,
            self._stale_etag,
            self._split,
            self._readings,
        )
        try:
            for question in questions:
                yield self._one(question)
        finally:
            self._take_away()

    def _one(self, question: Callable[[], Answer]) -> Answer:
        try:
            return question()
        except (SlipwayError, httpx.HTTPError) as error:
            name = question.__name__.strip("_").replace("_", " ")
            return Answer(name, "an answer", f"{type(error).__name__}: {error}", differs=True)

    def _revision(self, suffix: str) -> str:
        return f"{self.address.service}-{suffix}"

    def _deploy(self, suffix: str, *, base: str | None, tag: str | None) -> run_v2.Service:
        return self._cloud_run.deploy_revision(
            self.address,
            revision=self._revision(suffix),
            base=base,
            image=self._image,
            env={**self._env, "PROBE": suffix},
            secrets={},
            min_instances=1,
            max_instances=2,
            labels={"slipway-probe": "true"},
            tag=tag,
            timeout=self._bounds.call,
        )

    def _first_revision(self) -> Answer:
        made = self._deploy("a", base=None, tag=None)
        return _compared("the first revision serves", f"{self._revision('a')} 100 %", self._served(made))

    def _second_revision(self) -> Answer:
        made = self._deploy("b", base=self._revision("a"), tag=TAG)
        question = "a second revision gets no traffic"
        return _compared(question, f"{self._revision('a')} 100 %", self._served(made))

    def _tag(self) -> Answer:
        from slipway.hooks.cloud_run.hook import revision_uri

        url = revision_uri(self._cloud_run.get_service(self.address), TAG)
        wanted = self._revision("b")
        seen = self._waited(lambda: self._who(url), wanted)
        return _compared("the tag's URL reaches its revision", wanted, seen)

    def _reserved_path(self) -> Answer:
        answer = self._get(self._cloud_run.get_service(self.address).uri, "/healthz")
        seen = f"{answer.status_code} by {self._named(answer) or 'the front end'}"
        return _compared("/healthz", "404 by the front end", seen)

    def _stale_etag(self) -> Answer:
        from google.api_core import exceptions as google_errors
        from google.cloud import run_v2

        stale = self._cloud_run.get_service(self.address)
        split = {self._revision("a"): 100}
        self._cloud_run.set_traffic(
            self.address, split=split, drop_tags=[TAG], etag=stale.etag, timeout=self._bounds.call
        )
        question = "a write with a stale etag"
        try:
            self._client().update_service(run_v2.UpdateServiceRequest(service=stale), timeout=30)
        except google_errors.GoogleAPICallError as error:
            conflict = isinstance(error, google_errors.Conflict)
            return Answer(question, "Conflict", type(error).__name__, differs=not conflict)
        return Answer(question, "Conflict", "accepted: no guard against somebody else's change", differs=True)

    def _split(self) -> Answer:
        live = self._cloud_run.get_service(self.address)
        split = {self._revision("a"): 50, self._revision("b"): 50}
        try:
            self._cloud_run.set_traffic(self.address, split=split, etag=live.etag, timeout=self._bounds.call)
        except ReleaseConflict as error:
            return Answer("a split of two revisions", "served", str(error), differs=True)
        began, wanted = time.monotonic(), set(split)
        while (passed := time.monotonic() - began) < self._bounds.settle:
            if {self._who(live.uri) for _ in range(20)} == wanted:
                seen = f"both answer after {passed:.0f} s"
                return Answer("a split of two revisions", "both answer after 0 s", seen, differs=passed > 5)
        seen = f"not both after {self._bounds.settle:g} s"
        return Answer("a split of two revisions", "both answer after 0 s", seen, differs=True)

    def _readings(self) -> Answer:
        """Send two rounds of requests to one revision, and look at what is read after each."""
        question = f"{COUNT} read raw"
        split = {self._revision("b"): 100}
        self._cloud_run.set_traffic(self.address, split=split, timeout=self._bounds.call)
        url = self._cloud_run.get_service(self.address).uri
        self._waited(lambda: self._who(url), self._revision("b"))
        readings: list[float] = []
        for _ in range(2):
            before = self._read()
            for _ in range(ROUND):
                self._who(url)
            readings.append(self._settled(before))
        seen = kind_of_readings(readings[0], readings[1], ROUND) if readings[1] else "no reading"
        return _compared(question, "a running total", seen)

    def _read(self) -> float:
        selector = (
            f'{COUNT}{{monitored_resource="cloud_run_revision",service_name="{self.address.service}"'
            f',revision_name="{self._revision("b")}"}}'
        )
        return sum(sample.value for sample in self._promql.query(selector))

    def _settled(self, before: float) -> float:
        """Return the highest reading, once a changed one has not risen for two pauses."""
        deadline, highest, still = time.monotonic() + self._bounds.metrics, before, 0
        while time.monotonic() < deadline and (highest == before or still < 2):
            time.sleep(self._bounds.pause)
            now = self._read()
            still = still + 1 if now <= highest and highest != before else 0
            highest = max(highest, now)
        return highest

    def _waited(self, ask: Callable[[], str], wanted: str) -> str:
        deadline = time.monotonic() + self._bounds.settle
        while (seen := ask()) != wanted and time.monotonic() < deadline:
            time.sleep(1)
        return seen

    def _who(self, url: str) -> str:
        return self._named(self._get(url, "/")) or "nobody"

    def _get(self, url: str, path: str) -> httpx.Response:
        return httpx.get(f"{url}{path}", headers=self._identity, timeout=30)

    @cached_property
    def _identity(self) -> dict[str, str]:
        """The header that says who asks; its token is good for an hour, at the tags' URLs too."""
        url = self._cloud_run.get_service(self.address).uri
        return IdentityToken(self._cloud_run.gcp_conn_id).headers(url)

    def _named(self, answer: httpx.Response) -> str:
        text = " ".join([*answer.headers.values(), answer.text])
        return next((name for name in map(self._revision, "ab") if name in text), "")

    def _served(self, live: run_v2.Service) -> str:
        from slipway.hooks.cloud_run.hook import serving_split

        return ", ".join(f"{name} {percent} %" for name, percent in serving_split(live).items())

    def _client(self) -> Any:
        from google.cloud import run_v2

        regional = f"{self.address.location}-run.googleapis.com:443"
        endpoint = regional if self._cloud_run.is_default_universe() else None
        return self._cloud_run.api_client(run_v2.ServicesClient, endpoint)

    def _take_away(self) -> None:
        from google.api_core import exceptions as google_errors

        try:
            self._client().delete_service(name=self.address.name, timeout=30).result(self._bounds.call)
        except google_errors.NotFound:
            return


def _compared(question: str, stand_in: str, here: str) -> Answer:
    return Answer(question, stand_in, here, differs=stand_in != here)
