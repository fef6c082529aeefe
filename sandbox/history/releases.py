"""The releases of a made-up past: which revision answers when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random


@dataclass(frozen=True)
class Step:
    """From a moment (UTC) on, a phase in which the new revision gets a share of the traffic.

    :param percent: the share.
    """

    at: datetime
    phase: str
    percent: int


@dataclass(frozen=True)
class Release:
    """One release.

    :param steps: in their order.
    :param ended_at: when its last phase was over (UTC).
    :param promoted: whether the revision serves on from then.
    """

    version: str
    revision: str
    steps: Sequence[Step]
    ended_at: datetime
    promoted: bool

    def step(self, at: datetime) -> Step | None:
        """Return the step that a moment lies in."""
        if at >= self.ended_at:
            return None
        begun = [step for step in self.steps if step.at <= at]
        return begun[-1] if begun else None


@dataclass(frozen=True)
class Serving:
    """Who answers when.

    :param first: the revision before any release.
    :param releases: in their order; their steps do not overlap.
    """

    first: str
    releases: Sequence[Release] = ()

    def window(self, at: datetime) -> tuple[Release, Step] | None:
        """Return the release, and its step, that a moment lies in."""
        for release in self.releases:
            step = release.step(at)
            if step is not None:
                return release, step
        return None

    def stable(self, at: datetime) -> str:
        """Return the revision that serves whatever a step does not shift."""
        done = [release.revision for release in self.releases if release.promoted and release.ended_at <= at]
        return done[-1] if done else self.first

    def answers(self, at: datetime, dice: Random) -> str:
        """Choose the revision that answers a request."""
        window = self.window(at)
        if window is not None and dice.randrange(100) < window[1].percent:
            return window[0].revision
        return self.stable(at)

    def version(self, revision: str | None) -> str:
        """Return the version of the release that made a revision; empty when none did."""
        made = [release.version for release in self.releases if release.revision == revision]
        return made[0] if made else ""
