"""What people and bad luck do to a release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.drill.machinery import AIRFLOW

if TYPE_CHECKING:
    from sandbox.drill.drilled import Drilled
    from sandbox.drill.matrix import Place

ROLLED_BACK, WENT_ON = frozenset({"rolled_back"}), frozenset({"promoted"})
EITHER = ROLLED_BACK | WENT_ON
AWAY_SECONDS = 120.0


@dataclass(frozen=True)
class Act:
    """Something that is done to a release.

    :param title: what is done.
    :param do: does it.
    :param senseless: returns why it cannot be done at a place, None when it can.
    :param outcomes: returns how a release may end to which it was done at a place.
    :param answer: the answer to the question of a bake afterwards.
    :param at_once: whether it ends a release that is under way, so that the seconds to safety count from it.
    """

    title: str
    do: Callable[[Drilled, Place], None]
    outcomes: Callable[[Place], frozenset[str]]
    senseless: Callable[[Place], str | None] = lambda _: None
    answer: str = "Bake on"
    at_once: bool = False


def _ends(place: Place) -> frozenset[str]:
    return WENT_ON if place.has_ended else ROLLED_BACK


def _goes_on(_: Place) -> frozenset[str]:
    return WENT_ON


def _bad_metrics_end(place: Place) -> frozenset[str]:
    # Behind the last bake nothing is measured any more.
    return EITHER if (place.phase, place.step) == ("full", "gate") else ROLLED_BACK


def _change_ends(place: Place) -> frozenset[str]:
    if place.has_ended:
        return WENT_ON
    # The shift itself may come after the change, or before it.
    return EITHER if place.step == "shift" else ROLLED_BACK


def _deploy_ends(place: Place) -> frozenset[str]:
    if place.has_ended:
        return WENT_ON
    # A revision without traffic that is there before the release's own is left out of it, and shown.
    return ROLLED_BACK if place.step in ("bake", "question") and place.serves else EITHER


def _unmeasured(place: Place) -> str | None:
    if place.has_ended:
        return "no bake measures any more: an alert notifies people, who order a rollback"
    if place.phase in ("staging", "preparation"):
        return "the new revision has no users yet"
    return None


def _without_worker(place: Place) -> str | None:
    if place.has_ended:
        return "no task of the release runs"
    if place.asks or (place.step == "bake" and place.phase != "staging"):
        return "the release waits in the triggerer or for a person: no worker has it"
    return None


def _without_task(place: Place) -> str | None:
    return "a task that has succeeded is marked as it is" if place.has_ended else None


def _without_pin(place: Place) -> str | None:
    return None if place.serves else "stable serves alone: the pin changes nothing"


def _mark_run(state: str) -> Callable[[Drilled, Place], None]:
    return lambda drilled, _: drilled.airflow.mark_run("release", drilled.run_id, state)


def _kill(name: str, part: str, outcomes: Callable[[Place], frozenset[str]] = _goes_on) -> Act:
    return Act(f"SIGKILL of {name}", lambda drilled, _: drilled.machinery.kill_and_restart(part), outcomes)


def _hurts_the_product(place: Place) -> frozenset[str]:
    # Users of both revisions meet it, and so does a task that is at work: it may be the last try.
    return WENT_ON if place.has_ended else EITHER


ACTS = (
    Act(
        "bad metrics",
        lambda drilled, _: drilled.misbehave(),
        _bad_metrics_end,
        _unmeasured,
        at_once=True,
    ),
    Act("run marked failed", _mark_run("failed"), _ends, at_once=True),
    Act("run marked success", _mark_run("success"), _ends, at_once=True),
    Act("task cleared", lambda drilled, place: drilled.clear(place), _goes_on),
    Act("run deleted", lambda drilled, _: drilled.delete(), _ends, at_once=True),
    Act(
        "task marked success",
        lambda drilled, place: drilled.mark_task_success(place),
        # A task that was done already has left its evidence, which the promotion then has.
        lambda place: EITHER if "running" in place.states else ROLLED_BACK,
        _without_task,
    ),
    Act(
        "stranger's split",
        lambda drilled, place: drilled.set_foreign_split(own=place.serves),
        _change_ends,
        answer="Roll back",
    ),
    Act("stranger's deploy", lambda drilled, _: drilled.deploy_by_hand(), _deploy_ends, answer="Roll back"),
    Act("pin to stable", lambda drilled, _: drilled.pin(), _change_ends, _without_pin, answer="Roll back"),
    Act(
        "SIGKILL of the worker", lambda drilled, place: drilled.kill_worker(place), _goes_on, _without_worker
    ),
    _kill("the triggerer", "triggerer"),
    _kill("the scheduler", "scheduler"),
    _kill("the DAG processor", "dag-processor"),
    _kill("the API server", "api-server"),
    _kill("Prometheus", "prometheus"),
    _kill("ClickHouse", "clickhouse"),
    _kill("Redis", "redis"),
    _kill("PostgreSQL", "postgres", _hurts_the_product),
    _kill("Cloud Run", "cloud", _hurts_the_product),
    Act(
        "all of Airflow away for 2 min",
        lambda drilled, _: drilled.machinery.kill_and_restart(*AIRFLOW, away_seconds=AWAY_SECONDS),
        _goes_on,
    ),
)
