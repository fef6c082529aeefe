"""A service whose traffic is split."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

from tests.integration.slipway.hooks.web_service import Web


@pytest.fixture
def web(cloud_run: CloudRunTrafficHook, image: Callable[[str], str]) -> Iterator[Web]:
    """A service with two revisions; ``a`` has 90 % of the traffic."""
    made = Web(cloud_run, image)
    made.deploy("a")
    made.deploy("b", tag="candidate")
    made.shift({"a": 90, "b": 10})
    yield made
    made.delete()
