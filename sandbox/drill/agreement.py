"""How a release ended, read from every place that tells it, and where these places disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

GONE = "deleted"
PHASES = ("canary", "half", "full")
#: Without these nothing may be promoted, whatever a person did to the run.
EVIDENCE = (
    "serving/staging",
    "load_test",
    "gate/staging",
    "approval/production",
    "gate/preparation",
    "approval/canary",
    *(f"{step}/{phase}" for phase in PHASES for step in ("shifted", "baked", "gate")),
)


@dataclass(frozen=True)
class Found:
    """What is found of a release.

    :param release_id: id of the release.
    :param own: its revision.
    :param split: who serves.
    :param outcome: in the ledger; None for one that is open.
    :param reason: in the ledger.
    :param run: state of the Airflow run; ``deleted`` when there is none.
    :param page: outcome on the Release page.
    :param unbroken: whether the page's data is a whole chain.
    :param entries: keys on record, with the split that somebody set after the end.
    :param messages: what the team was notified of.
    """

    release_id: str
    own: str
    split: Mapping[str, int]
    outcome: str | None
    reason: str
    run: str
    page: str
    unbroken: bool
    entries: Mapping[str, Mapping[str, int] | None]
    messages: Sequence[str]


def disagreements(found: Found, *, colour: str | None = None) -> Iterator[str]:
    """Yield where the places disagree; nothing when all say the same.

    :param found: what is found of the release.
    :param colour: the colour that a person gave to the run after its end; None when nobody did.
    """
    if found.outcome is None:
        yield "the ledger has it open"
        return
    words, promoted = found.outcome.replace("_", " "), found.outcome == "promoted"
    expected = colour or ("success" if promoted else "failed")
    if found.run not in (expected, GONE):
        yield f"{words}, and the run is {found.run}"
    if found.page != found.outcome:
        yield f"{words}, and the page says {found.page!r}"
    if not found.unbroken:
        yield "the chain of the page's data is broken"
    told = sum(f"({found.release_id}, outcome)" in message for message in found.messages)
    if told != 1:
        yield f"{told} messages of its outcome"
    if promoted:
        missing = [key for key in EVIDENCE if key not in found.entries]
        if missing:
            yield f"promoted without {', '.join(missing)}"
    yield from _of_split(found, promoted=promoted)


def _of_split(found: Found, *, promoted: bool) -> Iterator[str]:
    if dict(found.split) == {found.own: 100} if promoted else found.own not in found.split:
        return
    changes = [
        (key, split) for key, split in found.entries.items() if key.startswith("changed_after_end/") and split
    ]
    if not changes or dict(changes[-1][1] or {}) != dict(found.split):
        yield f"{found.outcome}, and {dict(found.split)} serves, which nothing on record says"
        return
    event = (
        f"({found.release_id}, {changes[-1][0].replace('changed_after_end/', 'changed-').replace('/', '-')})"
    )
    if not any(event in message for message in found.messages):
        yield "the team was not notified of the split that somebody set after the end"
