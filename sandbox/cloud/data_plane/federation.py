"""The instances' own metrics, collected and distinguished by labels."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.cloud.run import loopback_http

SCRAPE_SECONDS = 0.5


@dataclass(frozen=True)
class Target:
    """An instance to collect from.

    :param labels: added to each of its samples.
    """

    port: int
    labels: Mapping[str, str]


class _Families:
    """A fixed list of metric families, as ``generate_latest`` wants them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


async def collect(targets: Iterable[Target]) -> tuple[str, int]:
    """Fetch all instances' metrics at once.

    :param targets: where metrics are read from.
    :return: Prometheus text, each family once, and how many instances gave nothing usable.
    """
    wanted = list(targets)
    texts = await asyncio.gather(*(_fetch(target) for target in wanted))
    families: dict[str, Metric] = {}
    missing = 0
    for target, text in zip(wanted, texts, strict=True):
        if text is None or not _add(families, text, target.labels):
            missing += 1
    return generate_latest(_Families(families.values())).decode(), missing


async def _fetch(target: Target) -> str | None:
    try:
        status, body = await loopback_http.get(target.port, "/metrics", SCRAPE_SECONDS)
    except loopback_http.NoAnswerError:
        return None
    return body.decode(errors="replace") if status == 200 else None


def _add(families: dict[str, Metric], text: str, labels: Mapping[str, str]) -> bool:
    """Add one instance's families to those of the others.

    :return: whether all of it could be used; a family of another type than before cannot.
    """
    try:
        parsed = list(text_string_to_metric_families(text))
    except ValueError:
        return False
    usable = True
    for family in parsed:
        known = families.setdefault(
            family.name, Metric(family.name, family.documentation, family.type, family.unit)
        )
        if known.type != family.type:
            usable = False
            continue
        known.samples.extend(sample._replace(labels={**sample.labels, **labels}) for sample in family.samples)
    return usable
