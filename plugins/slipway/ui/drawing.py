"""The evidence of a bake as a drawing, made in a process of its own.

It takes seconds of a processor, and the API server, which every task asks, has none to spare. So it is kept
for the next reader: what is on record does not change.
"""

from __future__ import annotations

import json
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from slipway.analysis.evidence_record import EvidenceRecord
from slipway.exceptions import CommandFailed, SlipwayError
from slipway.ledger.bakes import Bake
from slipway.ledger.chain import RecordedEntry, canonical
from slipway.ledger.entries import Judged
from slipway.ledger.ledger import Release
from slipway.paths import INCLUDE
from slipway.policy.formats import parse_recorded_policy

_PLUGINS = Path(__file__).resolve().parents[2]
_KEPT = 32
_SECONDS = 60.0


class EvidenceUnreadable(SlipwayError):  # noqa: N818 - named for the state it reports
    """The evidence on record is of a form that this version does not read."""


def drawing_of(release: Release, bake: Bake, evidence: RecordedEntry, verdict: RecordedEntry) -> str:
    """Return the SVG of a bake.

    :param release: the release.
    :param bake: the bake.
    :param evidence: entry with every check.
    :param verdict: entry with the verdict.
    :raises EvidenceUnreadable: when another version of Slipway wrote the evidence.
    :raises CommandFailed: when it cannot be drawn.
    """
    title = f"Release {release.version}, phase {bake.title}"
    try:
        EvidenceRecord.of(evidence.payload)
    except ValueError as error:
        raise EvidenceUnreadable(f"{title}: {error}") from error
    wanted = {
        "title": title,
        "evidence": evidence.payload,
        "verdict": verdict.payload,
        "policy": release.policy.model_dump(mode="json"),
    }
    return _drawn(canonical(wanted))


@lru_cache(maxsize=_KEPT)
def _drawn(wanted: str) -> str:
    from slipway.hooks.command.command import CommandHook, tail

    with tempfile.TemporaryDirectory(prefix="slipway-drawing-") as folder:
        given, drawn = Path(folder) / "evidence.json", Path(folder) / "evidence.svg"
        given.write_text(wanted)
        code, output = CommandHook().run_command(
            [sys.executable, "-m", __name__, str(given), str(drawn)],
            environment={"PYTHONPATH": str(_PLUGINS), "SLIPWAY_INCLUDE": str(INCLUDE)},
            timeout_seconds=_SECONDS,
        )
        if code:
            raise CommandFailed(f"the evidence cannot be drawn:\n{tail(output)}")
        return drawn.read_text()


def main(given: Path, drawn: Path) -> None:
    """Draw what a file asks for into another one."""
    from slipway.ui.evidence_plot import draw

    wanted: dict[str, Any] = json.loads(given.read_text())
    policy = parse_recorded_policy(wanted["policy"], source=wanted["title"])
    record = EvidenceRecord.of(wanted["evidence"])
    verdict = Judged.model_validate(wanted["verdict"], extra="ignore")
    drawn.write_text(draw(wanted["title"], record, policy, verdict))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
