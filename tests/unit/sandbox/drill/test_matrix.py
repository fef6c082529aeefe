"""The matrix: every act at every place, and why some make no sense."""

from __future__ import annotations

from sandbox.drill.acts import ACTS
from sandbox.drill.matrix import NO_PLACES, cells, places, sample


def test_every_place_of_a_release_is_there_or_says_why_not() -> None:
    steps = [
        f"{phase} {step}"
        for phase in ("staging", "preparation", "canary", "half", "full")
        for step in ("shift", "bake", "gate", "question")
    ]
    named = {str(place) for place in places()} | NO_PLACES.keys()
    assert named == {*steps, "canary approval", "after promotion", "after a week"}
    assert len(cells()) == len(list(places())) * len(ACTS)


def test_a_cell_makes_sense_or_says_why_not() -> None:
    for cell in cells():
        assert cell.senseless is None or cell.senseless.strip(), str(cell)
        if cell.senseless is None:
            assert cell.outcomes <= {"promoted", "rolled_back"}
            assert cell.outcomes, str(cell)


def test_a_mark_by_hand_never_promotes_what_is_under_way() -> None:
    ending = {"run marked failed", "run marked success", "run deleted"}
    for cell in cells():
        if cell.act.title in ending:
            assert cell.outcomes == {"promoted" if cell.place.has_ended else "rolled_back"}, str(cell)


def test_a_sample_is_drawn_again_by_its_seed_and_ends_with_what_has_ended() -> None:
    drawn = sample(40, 7)
    assert drawn == sample(40, 7)
    assert drawn != sample(40, 8)
    assert len({str(cell) for cell in drawn}) == 40
    ended = [cell.place.has_ended for cell in drawn]
    assert ended == sorted(ended)
    assert all(cell.senseless is None for cell in drawn)
    assert {str(cell.place) for cell in sample(None, 1, only=["half gate"])} == {"half gate"}
