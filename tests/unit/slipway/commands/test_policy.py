"""The policy in effect is valid YAML, and names the file behind every value."""

from __future__ import annotations

import pytest
import yaml
from slipway.__main__ import main
from slipway.policy.release import load_policy, parse_policy


def test_the_printed_policy_is_the_policy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "show", "release.yaml"]) == 0
    text = capsys.readouterr().out
    assert parse_policy(yaml.safe_load(text), source="printed") == load_policy("release.yaml")
    origins = {line.split(":")[0].strip(): line.rpartition("# ")[2] for line in text.splitlines()}
    assert origins["users"] == "release.yaml"
    assert origins["promotion_evidence"] == "defaults.yaml"
    assert origins["deploy_inline_seconds"] == "defaults.yaml"
