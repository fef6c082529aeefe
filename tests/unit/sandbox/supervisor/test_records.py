"""The records of what was started."""

from __future__ import annotations

from pathlib import Path

import psutil

from sandbox.supervisor import records
from sandbox.supervisor.records import Record
from sandbox.supervisor.settings import Settings


def test_records_keep_their_order(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port_base=20000)
    assert records.read(settings) == []
    made = [Record("postgres", 11, 1.5, 2), Record("cloud", 12, 2.5, 15)]
    for record in made:
        records.append(settings, record)
    assert records.read(settings) == made


def test_a_process_that_was_started_again_takes_the_place_of_the_one_that_ended(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port_base=20000)
    for name, pid in (("scheduler", 11), ("triggerer", 12)):
        records.append(settings, Record(name, pid, 1.5, 15))
    again = Record("scheduler", 13, 2.5, 15)
    records.replace(settings, again)
    assert {known.name: known for known in records.read(settings)}["scheduler"] == again
    assert len(records.read(settings)) == 2


def test_process_is_found_by_id_and_birth() -> None:
    own = psutil.Process()
    assert Record("own", own.pid, own.create_time(), 15).process() == own


def test_a_later_process_with_the_same_id_is_not_mistaken_for_it() -> None:
    own = psutil.Process()
    assert Record("own", own.pid, own.create_time() - 1, 15).process() is None
