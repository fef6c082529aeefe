"""What happens beside a release's own steps: changes by somebody else, a lost run, messages to the team."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from slipway.ledger.entries.base import LedgerEntry
from slipway.ledger.entries.values import EntryPart, ServiceState, Split, split_words
from slipway.policy.release import PhaseName


class ChangeSettled(LedgerEntry):
    """A person decided on a change by somebody else during a bake; later steps compare with these states.

    :param phase: ``canary``, ``half`` or ``full``.
    :param round: of the bake that the change ended.
    :param action: ``adopt`` keeps the services as they were found, ``restore`` sets the split of the phase.
    :param states: by service, its state after that.
    """

    KEY: ClassVar[str] = "settled/{phase}[/{round}]"
    WRITER: ClassVar[str] = "BakeSensor"

    phase: PhaseName
    round: int = 1
    action: Literal["adopt", "restore"]
    states: Mapping[str, ServiceState]

    @property
    def sentence(self) -> str:
        """What was done, and the splits that the bake goes on with."""
        serving = "; ".join(
            f"{name} {split_words(state.traffic, name)}" for name, state in self.states.items()
        )
        done = "adopted" if self.action == "adopt" else "undone, the split of the phase is restored"
        return f"Change by another party {done}: {serving}"


class RunActed(EntryPart):
    """Something that a person did to a release's run in Airflow.

    :param at: moment in UTC.
    :param user: the person's name in Airflow.
    :param what: what was done: ``marked the run as failed``.
    """

    at: datetime
    user: str
    what: str


class RunChangedByHand(LedgerEntry):
    """People acted on the run of a release that was not promoted, as Airflow's audit log has it.

    :param acts: what was done, the oldest first.
    """

    KEY: ClassVar[str] = "run_changed"
    WRITER: ClassVar[str] = "the closing operators, the reconcile teardown, CheckReleasesOperator"

    acts: tuple[RunActed, ...]

    @property
    def sentence(self) -> str:
        """Who did what, and when."""
        return "; ".join(f"{act.user} {act.what} at {act.at:%Y-%m-%d %H:%M:%S} UTC" for act in self.acts)


class TaskFailed(LedgerEntry):
    """A task of the open release failed for good.

    :param failed: id of the task.
    :param reason: its error, in one line.
    """

    KEY: ClassVar[str] = "failed/{failed}"
    WRITER: ClassVar[str] = "the failure callback of every task of the DAG release"

    failed: str
    reason: str

    @property
    def sentence(self) -> str:
        """The task and its error."""
        return f"{self.failed} failed: {self.reason}"


class ReleaseLost(LedgerEntry):
    """An open release has nothing any more that carries it out.

    :param reason: the run is gone or has ended, or the lock ran out.
    :param action: what the policy orders.
    """

    KEY: ClassVar[str] = "lost"
    WRITER: ClassVar[str] = "CheckReleasesOperator of the DAG release_watchdog"

    reason: str
    action: Literal["roll_back", "notify"]

    @property
    def sentence(self) -> str:
        """Why, and what follows."""
        follows = "it is rolled back" if self.action == "roll_back" else "the policy leaves it to a person"
        return f"Release lost: {self.reason}; {follows}"


class ServiceChangedAfterEnd(LedgerEntry):
    """A service of an ended release serves another split than the one that the release ended with.

    :param service: the Cloud Run service.
    :param generation: number of the service's configuration; one entry for each.
    :param recorded: percent by revision when the release ended.
    :param serving: percent by revision now.
    :param author: who changed it last, and when.
    :param restored: whether the recorded split is restored.
    """

    KEY: ClassVar[str] = "changed_after_end/{service}/{generation}"
    WRITER: ClassVar[str] = "CheckReleasesOperator of the DAG release_watchdog"

    service: str
    generation: int
    recorded: Split
    serving: Split
    author: str
    restored: bool

    @property
    def sentence(self) -> str:
        """Both splits, the author, and what follows."""
        follows = "the recorded split is restored" if self.restored else "nothing is changed"
        return (
            f"{self.service} serves {split_words(self.serving, self.service)}, set by {self.author};"
            f" the release ended with {split_words(self.recorded, self.service)}; {follows}"
        )


class TeamNotified(LedgerEntry):
    """The team was notified of an event, once.

    :param event: what it was about.
    :param subject: the message in one line.
    :param connection: the Airflow connection that took it.
    """

    KEY: ClassVar[str] = "notified/{event}"
    WRITER: ClassVar[str] = "every operator that notifies the team"

    event: str
    subject: str
    connection: str

    @property
    def sentence(self) -> str:
        """The subject, and the connection."""
        return f"Team notified via {self.connection}: {self.subject}"


class TeamNotReached(LedgerEntry):
    """A message to the team could not be sent; the watchdog sends it again.

    :param event: what it is about.
    :param subject: the message in one line.
    :param message: what happened and what to do.
    :param connection: the Airflow connection that did not take it.
    :param reason: why, in one line.
    """

    KEY: ClassVar[str] = "not_notified/{event}"
    WRITER: ClassVar[str] = "every operator that notifies the team"

    event: str
    subject: str
    message: str
    connection: str
    reason: str

    @property
    def sentence(self) -> str:
        """The subject, and why."""
        return f"Team not notified of {self.subject!r}: {self.reason}"
