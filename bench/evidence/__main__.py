"""Releases whose evidence arrives oddly: how they end, how much later, and what is named.

python -m bench.evidence [--runs 20] [--seed 1]
"""

from __future__ import annotations

import argparse
import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import median

from slipway.analysis.verdict import Verdict

from bench.evidence.bake import Ended, bake, bench_policy
from bench.evidence.dirt import KINDS
from bench.evidence.world import BAD, CHECK_SECONDS, GOOD, LOST, Release

RELEASES = (GOOD, *BAD, *LOST)
#: Events are carried over for two checks before that is named.
GRACE_SECONDS = 2 * CHECK_SECONDS


@dataclass(frozen=True)
class Row:
    """How releases of one kind end with one kind of dirt."""

    dirt: str
    release: Release
    ended: Sequence[Ended]

    def count(self, verdict: Verdict) -> int:
        """Count the releases that ended so."""
        return sum(ended.verdict is verdict for ended in self.ended)

    @property
    def seconds(self) -> float:
        """Median length of the bake."""
        return median(ended.decision.seconds for ended in self.ended)

    @property
    def named(self) -> int:
        """How many releases name why a check had no evidence."""
        return sum(bool(ended.named) for ended in self.ended)


def measure(case: tuple[str, Release, int, int]) -> Row:
    """Bake releases of one kind with one kind of dirt.

    :param case: the dirt, the release, the first seed and how many releases.
    """
    dirt, release, seed, runs = case
    policy = bench_policy()
    ended = [
        asyncio.run(bake(policy, release, [KINDS[dirt]], seed=seed * 1000 + number)) for number in range(runs)
    ]
    return Row(dirt, release, ended)


def failures(row: Row, clean: Row, *, allowed: int) -> Iterator[str]:
    """Yield what must not happen.

    :param row: releases with dirt.
    :param clean: the same releases without.
    :param allowed: how many good releases may be rolled back.
    """
    rolled_back, promoted = row.count(Verdict.ROLLBACK), row.count(Verdict.PROMOTE)
    if row.release.is_good and rolled_back > allowed:
        yield f"{rolled_back} good releases rolled back"
    if not row.release.is_good and promoted:
        yield f"{promoted} bad releases promoted"
    late = [
        ended
        for ended, without in zip(row.ended, clean.ended, strict=True)
        if not ended.named
        and ended.decision.seconds > 2 * max(without.decision.seconds, clean.seconds) + GRACE_SECONDS
    ]
    if late:
        yield f"{len(late)} decided later than twice without a reason"


def main() -> int:
    """Bake, print the table; the exit code is 1 when something happened that must not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=20, help="releases per kind of dirt and release")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began, probability = time.monotonic(), bench_policy().decision.false_rollback_probability
    allowed = math.ceil(arguments.runs * probability)
    cases = [(dirt, release, arguments.seed, arguments.runs) for dirt in KINDS for release in RELEASES]
    print(f"{arguments.runs} releases a line: a canary at 5 requests/s beside 45 of stable")
    print(
        f"must not happen: over {allowed} good ones rolled back, a bad one promoted, unnamed twice the delay"
    )
    print(f"{'evidence':<16}{'release':<14}promoted  held  rolled back  median s  named")
    clean: dict[str, Row] = {}
    failed = False
    with ProcessPoolExecutor() as pool:
        for row in pool.map(measure, cases):
            clean.setdefault(row.release.name, row)
            found = list(failures(row, clean[row.release.name], allowed=allowed))
            failed |= bool(found)
            ends = [row.count(verdict) for verdict in (Verdict.PROMOTE, Verdict.HOLD, Verdict.ROLLBACK)]
            numbers = f"{ends[0]:>8}{ends[1]:>6}{ends[2]:>13}{row.seconds:>10.0f}{row.named:>7}"
            print(f"{row.dirt:<16}{row.release.name:<14}{numbers}  {'; '.join(found)}", flush=True)
    print(f"{time.monotonic() - began:.0f} s")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
