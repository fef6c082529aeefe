"""What is shared by all viewers is made again only when it has changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from slipway.exceptions import ReleaseUnknown
from slipway.ui.api.current import Shared


def test_a_value_is_made_again_when_its_version_has_changed() -> None:
    shared: Shared[int] = Shared(fresh_seconds=0, most=2)
    versions, made = iter([1, 1, 2]), count()
    found = [shared.get("a", lambda: next(versions), lambda: next(made)) for _ in range(3)]
    assert found == [0, 0, 1]


def test_a_fresh_value_is_not_even_checked() -> None:
    shared: Shared[int] = Shared(fresh_seconds=3600, most=2)
    checks = count()
    assert [shared.get("a", lambda: next(checks), lambda: 7) for _ in range(3)] == [7, 7, 7]
    assert next(checks) == 1


def test_many_who_ask_at_once_wait_for_one() -> None:
    shared: Shared[int] = Shared(fresh_seconds=3600, most=2)
    made = count()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: shared.get("a", lambda: 1, lambda: next(made)), range(50)))
    assert found == [0] * 50


def test_those_not_asked_for_longest_are_forgotten() -> None:
    shared: Shared[str] = Shared(fresh_seconds=3600, most=2)
    for name in "abac":
        shared.get(name, lambda: 1, lambda: "kept")
    made = [name for name in "acb" if shared.get(name, lambda: 1, lambda: "anew") == "anew"]
    assert made == ["b"]


def test_an_error_is_not_kept() -> None:
    shared: Shared[int] = Shared(fresh_seconds=3600, most=2)

    def unknown() -> int:
        raise ReleaseUnknown("release a: was never opened")

    with pytest.raises(ReleaseUnknown):
        shared.get("a", unknown, lambda: 1)
    assert shared.get("a", lambda: 1, lambda: 2) == 2
