"""Two revisions and their instances, with counters that are true; what arrives of them is another matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from slipway.hooks.metrics.promql import Sample

CHECK_SECONDS = 15
CANARY, STABLE = "web-2", "web-1"
#: Healthy errors, and requests over 2 s.
ERRORS, SLOW = 0.0003, 0.002


@dataclass(frozen=True)
class Release:
    """What a new revision really does.

    :param name: for the table.
    :param errors: share of its requests that fail, 0..1.
    :param slow: share of its requests that take longer than 2 s.
    :param lost: share of its requests that the platform turns away and counts nowhere, 0..1.
    """

    name: str
    errors: float = ERRORS
    slow: float = SLOW
    lost: float = 0.0

    @property
    def is_good(self) -> bool:
        """True when it is no worse than what serves."""
        return self.errors <= ERRORS and self.slow <= SLOW and not self.lost


GOOD = Release("good")
BAD = (Release("3 % errors", errors=0.03), Release("20 % slow", slow=0.2))
#: Only its share of the answers shows it: it is held, and rolled back at its deadline.
LOST = (Release("40 % lost", lost=0.4), Release("20 % lost", lost=0.2))


@dataclass
class Instance:
    """A process and what it has counted since it began."""

    revision: str
    name: str
    good: float = 0
    bad: float = 0
    slow: float = 0

    def samples(self, at: float) -> Iterator[Sample]:
        """Yield its series as they are."""
        labels = {"revision_name": self.revision, "instance": self.name}
        requests = self.good + self.bad
        for code, value in (("2xx", self.good), ("5xx", self.bad)):
            found = {"__name__": "request_count", "response_code_class": code, **labels}
            yield Sample(found, value, at)
        yield Sample({"__name__": "seconds_count", **labels}, requests, at)
        for edge in ("0.5", "2.0"):
            found = {"__name__": "seconds_bucket", "le": edge, **labels}
            yield Sample(found, requests - self.slow, at)


@dataclass
class World:
    """Serves requests, check by check.

    :param release: what the new revision really does.
    :param seed: of chance.
    :param restarts: probability that an instance begins again between two checks.
    :param rates: requests per second by revision.
    """

    release: Release
    seed: int
    restarts: float = 0.0
    rates: Mapping[str, float] = field(default_factory=lambda: {CANARY: 5.0, STABLE: 45.0})

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        # Stable has served for two hours, the new revision its smoke tests.
        old = self.rates[STABLE] * 7200 / 3
        self.instances = [
            *(Instance(STABLE, f"old-{n}", good=old, bad=0.012 * old, slow=SLOW * old) for n in range(3)),
            *(Instance(CANARY, f"new-{n}", good=5) for n in range(2)),
        ]

    def serve(self) -> None:
        """Let the instances serve until the next check."""
        for instance in self.instances:
            if self._rng.random() < self.restarts:
                instance.good = instance.bad = instance.slow = 0
            is_new = instance.revision == CANARY
            of = self.release if is_new else GOOD
            alike = sum(other.revision == instance.revision for other in self.instances)
            answered = self.rates[instance.revision] * (1 - of.lost)
            requests = self._rng.poisson(answered * CHECK_SECONDS / alike)
            bad = self._rng.binomial(requests, of.errors)
            instance.good += requests - bad
            instance.bad += bad
            instance.slow += self._rng.binomial(requests, of.slow)

    def samples(self, at: float) -> list[Sample]:
        """Return every series as it is."""
        return [sample for instance in self.instances for sample in instance.samples(at)]
