"""Ports of services and tags."""

from __future__ import annotations

import pytest

from sandbox.cloud.data_plane.haproxy_socket import DataPlaneError
from sandbox.cloud.run.urls import Urls


def test_ports_stay() -> None:
    urls = Urls(range(100, 103))
    assert [urls.port("s"), urls.port("s", "t"), urls.port("s")] == [100, 101, 100]
    assert urls.url("s", "t") == "http://127.0.0.1:101"
    assert urls.service_of(101) == "s"
    assert urls.service_of(102) is None


def test_released_tag_keeps_its_port_until_somebody_needs_it() -> None:
    urls = Urls(range(100, 102))
    urls.port("s")
    urls.port("s", "t")
    urls.release("s", "t")
    assert urls.tags("s") == []
    assert urls.port("s", "t") == 101
    urls.release("s", "t")
    assert urls.port("s", "u") == 101
    with pytest.raises(DataPlaneError, match="all 2 URLs"):
        urls.port("s", "t")


def test_dump_and_load() -> None:
    urls = Urls(range(100, 104))
    for key in (("s", ""), ("s", "t"), ("gone", "")):
        urls.port(*key)
    again = Urls(range(100, 104))
    again.load(urls.dump(), {"s": None})
    assert [again.port("s", "t"), again.port("s")] == [101, 100]
    assert [again.port("a"), again.port("b")] == [103, 102]
