"""One report of a load that several generators made: ``python -m include.load_test.merge FOLDER ...``.

Every generator leaves everything that it measured in ``FOLDER/<number>/share.json``, and what all of them
measured is counted as if one had: quantiles are those of all latencies, not means of quantiles. The report is
``FOLDER/report.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from include.load_test.measurements import Measurements
from include.load_test.memory import MemorySeries


def merge(
    shares: Mapping[int, Mapping[str, Any]], *, users: int, seconds: float, generators: int
) -> dict[str, Any]:
    """Return the report of the whole load.

    :param shares: by number of the generator, what it left.
    :param users: users that all generators together were to have.
    :param seconds: how long the load was to last, in s.
    :param generators: how many there were to be; one that left nothing is lost.
    """
    first = min((share["began_at"] for share in shares.values()), default=0.0)
    ends = (_after(share, first) + share["measurements"]["seconds"] for share in shares.values())
    moment = 0.0
    measured, memory = Measurements(seconds, lambda: moment), MemorySeries(str, seconds)
    for share in shares.values():
        measured.add(share["measurements"], _after(share, first))
        memory.add(share["memory"], _after(share, first))
    moment = max(ends, default=0.0)
    seen = _generator(list(shares.values()), measured.peak_users())
    lost = sorted(set(range(generators)) - set(shares))
    return measured.report(users, memory.report(), {**seen, "generators": generators, "lost": lost})


def _after(share: Mapping[str, Any], first: float) -> float:
    return float(share["began_at"]) - first


def _generator(shares: list[Mapping[str, Any]], peak: int) -> dict[str, Any]:
    """Return what the generators did: the users of all of them at once, otherwise the worst of them."""
    ends = [(s["began_at"] + s["generator"]["full_until_seconds"], s["generator"]) for s in shares]
    until = min((end for end, _ in ends), default=0.0)
    since = max((end - seen["full_load_seconds"] for end, seen in ends), default=0.0)
    return {
        "peak_users": peak,
        # Generators that were not all at work at the same time never made the load.
        "full_load_seconds": round(max(0.0, until - since), 3),
        "least_requests_of_a_user": min((seen["least_requests_of_a_user"] for _, seen in ends), default=0),
        "cpu_percent": _worst(seen["cpu_percent"] for _, seen in ends),
        "lateness_p95_ms": _worst(seen["lateness_p95_ms"] for _, seen in ends),
    }


def _worst(values: Iterable[float | None]) -> float | None:
    """Return the largest; None when one was not measured."""
    found = list(values)
    return None if None in found else max((value for value in found if value is not None), default=None)


def main() -> int:
    """Write the report."""
    parser = argparse.ArgumentParser(prog="python -m include.load_test.merge", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--generators", type=int, required=True)
    given = parser.parse_args()
    found = sorted(given.folder.glob("*/share.json"))
    shares = {int(path.parent.name): json.loads(path.read_text()) for path in found}
    report = merge(shares, users=given.users, seconds=given.seconds, generators=given.generators)
    (given.folder / "report.json").write_text(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
