"""The evidence of a release's bakes as drawings, each made once and kept with the release."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from slipway.ledger.bakes import Bake, recorded_bakes
from slipway.ledger.chain import Record
from slipway.ledger.entries import EvidenceRecorded, PhaseBaked
from slipway.ledger.ledger import Ledger, Release

log = logging.getLogger(__name__)


def keep_drawings(release: Release, ledger: Ledger) -> None:
    """Draw every bake that is on record and not drawn yet, in about two seconds of a processor each.

    A drawing decides nothing: one that fails is in the log, and changes nothing for the release.

    :param release: the release.
    :param ledger: its record, which keeps the drawings.
    """
    try:
        kept = ledger.drawings.kept(release.release_id)
        for bake, verdict, evidence in drawable(release, ledger.entries(release.release_id)):
            if bake not in kept:
                ledger.drawings.keep(release.release_id, bake, drawing_of(release, bake, verdict, evidence))
    except Exception:
        log.exception(
            "The evidence of release %s was not drawn; `python -m slipway evidence` draws it",
            release.release_id,
        )


def drawable(release: Release, record: Record) -> Iterator[tuple[Bake, PhaseBaked, EvidenceRecorded]]:
    """Yield every bake that has a verdict and evidence, with both.

    :param release: the release.
    :param record: everything on record of it.
    """
    for phase in release.policy.phases:
        for bake, verdict in recorded_bakes(record, phase):
            evidence = record.get(EvidenceRecorded, phase=bake.phase, round=bake.number)
            if evidence is not None:
                yield bake, verdict, evidence


def drawing_of(release: Release, bake: Bake, verdict: PhaseBaked, evidence: EvidenceRecorded) -> str:
    """Return the SVG of a bake.

    :param release: the release.
    :param bake: the bake.
    :param verdict: its verdict.
    :param evidence: every check of it.
    :raises ValueError: when another version of Slipway wrote the evidence.
    """
    from slipway.release.evidence_plot import draw

    title = f"Release {release.version}, phase {bake.title}"
    return draw(title, evidence.record(), release.policy, verdict)
