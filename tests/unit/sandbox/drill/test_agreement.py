"""Where the places that tell of a release disagree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.drill.agreement import EVIDENCE, Found, disagreements

ID, OWN, STABLE = "v1-1-2-aaaaaa", "new", "old"
PROMOTED = Found(
    release_id=ID,
    own=OWN,
    split={OWN: 100},
    outcome="promoted",
    reason="every phase was promoted",
    run="success",
    page="promoted",
    unbroken=True,
    entries=dict.fromkeys(EVIDENCE),
    messages=(f"promoted\n({ID}, outcome)", "another\n(v1-1-2-bbbbbb, outcome)"),
)
ROLLED_BACK = replace(
    PROMOTED, split={STABLE: 100}, outcome="rolled_back", run="failed", page="rolled_back", entries={}
)
CHANGED = replace(
    PROMOTED,
    split={STABLE: 40, OWN: 60},
    entries={**PROMOTED.entries, "changed_after_end/web/7": {STABLE: 40, OWN: 60}},
    messages=(*PROMOTED.messages, f"changed\n({ID}, changed-web-7)"),
)


@pytest.mark.parametrize(
    "found",
    [PROMOTED, ROLLED_BACK, CHANGED, replace(PROMOTED, run="deleted"), replace(ROLLED_BACK, run="deleted")],
)
def test_all_agree(found: Found) -> None:
    assert list(disagreements(found)) == []


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (replace(PROMOTED, outcome=None), "the ledger has it open"),
        (replace(PROMOTED, run="failed"), "promoted, and the run is failed"),
        (replace(ROLLED_BACK, run="success"), "rolled back, and the run is success"),
        (replace(ROLLED_BACK, run="running"), "rolled back, and the run is running"),
        (replace(ROLLED_BACK, page="under way"), "rolled back, and the page says 'under way'"),
        (replace(PROMOTED, unbroken=False), "the chain of the page's data is broken"),
        (replace(PROMOTED, messages=()), "0 messages of its outcome"),
        (replace(PROMOTED, messages=(*PROMOTED.messages, *PROMOTED.messages)), "2 messages of its outcome"),
        (replace(PROMOTED, entries=dict.fromkeys(EVIDENCE[1:])), f"promoted without {EVIDENCE[0]}"),
        (replace(ROLLED_BACK, split={OWN: 10, STABLE: 90}), "which nothing on record says"),
        (replace(PROMOTED, split={STABLE: 100}), "which nothing on record says"),
        (replace(CHANGED, split={STABLE: 100}), "which nothing on record says"),
        (replace(CHANGED, messages=PROMOTED.messages), "the team was not notified of the split"),
    ],
)
def test_one_of_them_says_something_else(found: Found, fault: str) -> None:
    assert fault in "; ".join(disagreements(found))


def test_a_run_has_the_colour_that_a_person_gave_it_after_its_end() -> None:
    assert list(disagreements(replace(PROMOTED, run="failed"), colour="failed")) == []
