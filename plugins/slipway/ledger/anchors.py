"""The heads of the chains in a second place, which whoever administers the ledger's database cannot change.

A chain shows what was changed within it. Where it ends, and that there ever was one, an anchor shows: the
number and the hash of a release's last entry, as an object of its own in Airflow's object storage. A bucket
with a locked retention makes it proof against everybody. The object's name has all that is compared.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slipway.paths import object_folder, without_waiting

ANCHORS_VARIABLE = "SLIPWAY_ANCHORS"
_NAME = re.compile(r"(\d{6})-([0-9a-f]{64})\.json")
#: A label takes 63 characters.
LABELLED_HASH = 48
#: An entry gets its moment before its transaction ends, by the clock of its worker.
SETTLING = timedelta(minutes=5)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Head:
    """The end of a release's chain at a moment.

    :param sequence: number of the last entry.
    :param hash: its hash, or the beginning of it.
    """

    release_id: str
    sequence: int
    hash: str

    @property
    def label(self) -> str:
        """The number and the first of the hash, as a label of a service takes it."""
        return f"{self.sequence:06d}-{self.hash[:LABELLED_HASH]}"

    @classmethod
    def of_label(cls, release_id: str, label: str) -> Head:
        """Read a label: the hash is its beginning.

        :param release_id: the release.
        :param label: the label's value.
        :raises ValueError: when it is none.
        """
        sequence, _, hash_ = label.partition("-")
        return cls(release_id, int(sequence), hash_)


@dataclass(frozen=True)
class DailyAnchor:
    """One anchoring of every release.

    :param at: moment in UTC before which every entry is anchored.
    :param releases: how many releases were on record.
    """

    at: datetime
    releases: int


class LedgerAnchors:
    """Writes and reads anchors, in the folder or bucket that ``SLIPWAY_ANCHORS`` names.

    Without the variable that is ``anchors`` below ``AIRFLOW_HOME``.
    """

    def __init__(self) -> None:
        self._folder = object_folder(ANCHORS_VARIABLE, "anchors")

    @property
    def place(self) -> str:
        """Where they are."""
        return str(self._folder)

    def write(self, head: Head) -> None:
        """Write the anchor of a release; one that is there is never written again.

        :param head: the end of its chain.
        """
        folder = self._folder / "heads" / head.release_id
        path = folder / f"{head.sequence:06d}-{head.hash}.json"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(
                json.dumps(
                    {
                        "release": head.release_id,
                        "sequence": head.sequence,
                        "hash": head.hash,
                        "anchored_at": datetime.now(UTC).isoformat(),
                    }
                )
            )

    def try_write(self, head: Head) -> None:
        """Write an anchor beside a step that must not fail by it; the daily anchoring makes up for it.

        :param head: the end of its chain.
        """
        try:
            without_waiting(lambda: self.write(head))
        except Exception:
            log.exception(
                "Release %s: entry %s is not anchored in %s", head.release_id, head.sequence, self.place
            )

    def heads(self, release_id: str) -> Sequence[Head]:
        """Return the anchors of a release, in the order of their entries.

        :param release_id: the release.
        """
        folder = self._folder / "heads" / release_id
        if not folder.is_dir():
            return []
        found = (_NAME.fullmatch(path.name) for path in folder.iterdir())
        return sorted(
            (Head(release_id, int(match[1]), match[2]) for match in found if match),
            key=lambda head: (head.sequence, head.hash),
        )

    def releases(self) -> Sequence[str]:
        """Return the ids of the releases that have an anchor."""
        folder = self._folder / "heads"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def write_day(self, heads: Iterable[Head]) -> DailyAnchor:
        """Anchor every release, and that it was done.

        :param heads: the ends of all chains.
        """
        at, count = datetime.now(UTC) - SETTLING, 0
        for head in heads:
            self.write(head)
            count += 1
        folder = self._folder / "days"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{at:%Y-%m-%dT%H%M%S.%fZ}.json").write_text(
            json.dumps({"at": at.isoformat(), "releases": count})
        )
        return DailyAnchor(at, count)

    def newest_day(self) -> DailyAnchor | None:
        """Return the newest anchoring of every release, None before the first."""
        folder = self._folder / "days"
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        if not names:
            return None
        found = json.loads((folder / names[-1]).read_text())
        return DailyAnchor(datetime.fromisoformat(found["at"]), int(found["releases"]))
