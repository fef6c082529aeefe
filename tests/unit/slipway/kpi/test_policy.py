"""The rollup's numbers are read strictly."""

from __future__ import annotations

from pathlib import Path

import pytest
from slipway.exceptions import PolicyError
from slipway.kpi import policy


def test_the_file_is_read() -> None:
    assert policy.load_rollup_policy().late_window_days >= 1


@pytest.mark.parametrize(
    "text", ["late_window_days: 0", "late_window_days: 35\nother: 1", "late_window_days: x"]
)
def test_a_wrong_field_is_named(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rollup.yaml"
    path.write_text(text)
    monkeypatch.setattr(policy, "ROLLUP_POLICY", path)
    with pytest.raises(PolicyError, match=r"rollup\.yaml: (late_window_days|other)"):
        policy.load_rollup_policy()
