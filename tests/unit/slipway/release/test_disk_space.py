"""A migration needs its tables' room once more, and the policy's share of the disk."""

from __future__ import annotations

import pytest
from slipway.exceptions import DatabaseNotReady
from slipway.release.disk_space import require_room


@pytest.mark.parametrize(
    ("used", "rewritten", "required"), [(700, 0, 300), (700, 300, 300), (600, 400, 400), (0, 1000, 1000)]
)
def test_exactly_enough_room_is_enough(used: int, rewritten: int, required: int) -> None:
    found = require_room(
        "main", ["usage"], disk=1000, used=used, rewritten=rewritten, minimum_free_percent=30
    )
    assert found == {"disk_bytes": 1000, "used_bytes": used, "required_bytes": required}


@pytest.mark.parametrize(("used", "rewritten", "required"), [(701, 0, 300), (601, 400, 400)])
def test_a_byte_less_is_refused_and_named(used: int, rewritten: int, required: int) -> None:
    message = f"instance main: {1000 - used} bytes of 1000 are free, {required} are needed"
    with pytest.raises(DatabaseNotReady, match=message):
        require_room("main", ["usage"], disk=1000, used=used, rewritten=rewritten, minimum_free_percent=30)
