"""The matrix: where a release can stand, what can be done to it there, and how it may end then."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandbox.drill.acts import ACTS, Act

GROUPS: Mapping[str, str] = {
    "staging": "phase_1_staging_validation",
    "preparation": "phase_2_production_preparation",
    "canary": "phase_3_canary",
    "half": "phase_4_gradual_increase",
    "full": "phase_5_full_rollout",
}
PROGRESSIVE = ("canary", "half", "full")
AT_WORK = frozenset({"queued", "running"})
WAITS = frozenset({"deferred"})
#: Its question stands besides: while that of a bake does, the triggerer checks the metrics.
ASKS = frozenset({"awaiting_input", "deferred"})
PROMOTED, WEEK = "after promotion", "after a week"
#: Steps that a phase does not have, so that nothing can be done there.
NO_PLACES: Mapping[str, str] = {
    "staging question": "staging asks nobody",
    "preparation shift": "preparation moves no traffic",
    "preparation bake": "preparation observes no traffic",
}


@dataclass(frozen=True)
class Place:
    """Where a release stands when something is done to it.

    :param phase: the phase, or ``after promotion`` or ``after a week``.
    :param step: ``shift``, ``bake``, ``gate``, ``question`` or ``approval``, which is the question before the
        canary; empty for a release that has ended.
    :param task: the task at which it stands; None for a release that has ended.
    :param states: the states of the task in which it stands there.
    """

    phase: str
    step: str = ""
    task: str | None = None
    states: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.phase} {self.step}".rstrip()

    @property
    def has_ended(self) -> bool:
        """Whether the release is promoted already."""
        return self.task is None

    @property
    def asks(self) -> bool:
        """Whether a person is asked there."""
        return self.step in ("question", "approval")

    @property
    def is_frozen(self) -> bool:
        """Whether the release stands at the question of a frozen bake."""
        return self.step == "question" and self.phase in PROGRESSIVE

    @property
    def serves(self) -> bool:
        """Whether the new revision has traffic there."""
        begins = self.phase == "canary" and self.step in ("approval", "shift")
        return self.has_ended or (self.phase in PROGRESSIVE and not begins)


@dataclass(frozen=True)
class Cell:
    """One act at one place.

    :param place: where the release stands.
    :param act: what is done to it.
    """

    place: Place
    act: Act

    def __str__(self) -> str:
        return f"{self.place}: {self.act.title}"

    @property
    def senseless(self) -> str | None:
        """Why this act cannot be done at this place, None when it can."""
        return self.act.senseless(self.place)

    @property
    def outcomes(self) -> frozenset[str]:
        """How the release may end."""
        return self.act.outcomes(self.place)


def places() -> Iterator[Place]:
    """Yield every place, in the order of a release."""
    tasks = {
        "staging": {"shift": ("serve_staging", AT_WORK), "bake": ("load_test", AT_WORK)},
        "preparation": {"question": ("approve", ASKS)},
        **{
            phase: {"shift": ("shift_traffic", AT_WORK), "bake": ("bake", WAITS), "question": ("bake", ASKS)}
            for phase in PROGRESSIVE
        },
    }
    tasks["canary"] = {"approval": ("approve", ASKS), **tasks["canary"]}
    for phase, group in GROUPS.items():
        steps = {**tasks[phase], "gate": ("go_or_rollback", AT_WORK)}
        for step, (task, states) in steps.items():
            yield Place(phase, step, f"{group}.{task}", states)
    yield Place(PROMOTED)
    yield Place(WEEK)


def cells() -> list[Cell]:
    """Return the whole matrix, the cells that make no sense included."""
    return [Cell(place, act) for place in places() for act in ACTS]


def sample(number: int | None, seed: int, *, only: Sequence[str] = ("",)) -> Sequence[Cell]:
    """Return cells that make sense, in the order in which one sandbox serves them best.

    Those of ended releases come last: what one of them leaves as it was serves the next.

    :param number: how many; None for all of them.
    :param seed: the same one draws the same cells.
    :param only: parts of the names of cells; one of them has to be in it.
    """
    sensible = [
        cell for cell in cells() if cell.senseless is None and any(part in str(cell) for part in only)
    ]
    drawn = sensible
    if number is not None and number < len(sensible):
        drawn = random.Random(seed).sample(sensible, number)  # noqa: S311  a sample, not a secret
    return sorted(
        drawn, key=lambda cell: (cell.place.has_ended, cell.place.phase == WEEK, sensible.index(cell))
    )
