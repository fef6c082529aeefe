"""What the operators do to services, noted instead of done."""

from __future__ import annotations

from typing import Any

import pytest
from slipway.ledger.entries import ServiceReleased
from slipway.notifiers import team
from slipway.operators import closing


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to the services."""
    steps: list[str] = []

    def restore(*_: Any) -> dict[str, Any]:
        steps.append("traffic restored")
        return {}

    def leave(*_: Any, may_serve: bool) -> dict[str, Any]:
        steps.append("services released")
        return {"netra-backend-prod": ServiceReleased(tags={})}

    monkeypatch.setattr(closing, "restore_stable_traffic", restore)
    monkeypatch.setattr(closing, "leave_services", leave)
    monkeypatch.setattr(team, "notify_team", lambda *_: steps.append("team notified"))
    monkeypatch.setattr(closing, "write_report", lambda *_: steps.append("report written"))
    return steps
