"""The product's configuration is typed, within its ranges and consistent, or it is refused with a reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.exceptions import PolicyError
from slipway.policy.configuration import Document
from slipway.policy.files import POLICY_DIRECTORY, read_documents
from slipway.policy.release import load_policy

TOKENS = "token-optimization-config"
STRATEGY = {
    TOKENS: {
        "TOKEN_OPTIMIZATION_ENABLED": "true",
        "TOKEN_OPTIMIZATION_DEFAULT_TARGET_REDUCTION": "20",
        "TOKEN_OPTIMIZATION_MAX_RETRIES": "3",
        "COST_ALERT_LOW_THRESHOLD": "1.00",
        "COST_ALERT_MEDIUM_THRESHOLD": "3.00",
        "COST_ALERT_HIGH_THRESHOLD": "5.00",
        "COST_OPTIMIZATION_TARGET_SAVINGS": "0.20",
        "USER_BUDGET_DEFAULT_MONTHLY": "100.00",
        "TOKEN_SESSION_TTL_MINUTES": "60",
        "TOKEN_CONTEXT_CLEANUP_INTERVAL": "300",
    },
    "pricing-config": {
        "LLM_PRICING_GPT4_INPUT": "0.00003",
        "LLM_PRICING_GPT4_OUTPUT": "0.00006",
        "LLM_PRICING_GPT35_INPUT": "0.0000015",
        "LLM_PRICING_GPT35_OUTPUT": "0.000002",
    },
    "feature-flags": {"token_optimization": True},
}


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the policy's folder, to be spoiled."""
    return shutil.copytree(POLICY_DIRECTORY, tmp_path / "policy")


def test_the_strategys_configuration_to_the_last_digit() -> None:
    documents = load_policy("release.yaml").configuration
    assert {name: document.content() for name, document in documents.items()} == STRATEGY


def test_what_a_rollback_writes() -> None:
    documents = load_policy("release.yaml").configuration
    assert [name for name, document in documents.items() if document.rolls_back] == ["feature-flags"]
    assert documents["feature-flags"].on_rollback == {"token_optimization": False}


@pytest.mark.parametrize(
    ("document", "key", "changed", "message"),
    [
        (TOKENS, "TOKEN_OPTIMIZATION_MAX_RETRIES", {"value": 99}, "value=99: must be 0 to 10 attempts"),
        (TOKENS, "TOKEN_OPTIMIZATION_MAX_RETRIES", {"value": "3"}, "value=3: must be a whole number"),
        (TOKENS, "TOKEN_OPTIMIZATION_MAX_RETRIES", {"value": True}, "value=True: must be a whole number"),
        (TOKENS, "TOKEN_OPTIMIZATION_MAX_RETRIES", {"unit": "bananas"}, "unit=bananas: Input should be"),
        (TOKENS, "TOKEN_OPTIMIZATION_MAX_RETRIES", {"maximum": None}, "maximum=None: must be a whole number"),
        (TOKENS, "TOKEN_OPTIMIZATION_ENABLED", {"value": "yes"}, "value=yes: must be true or false"),
        (TOKENS, "TOKEN_OPTIMIZATION_ENABLED", {"unit": "usd"}, "unit=usd: unknown field"),
        (TOKENS, "COST_ALERT_LOW_THRESHOLD", {"value": 1.0}, "value=1.0: must be a decimal number in quotes"),
        (TOKENS, "COST_ALERT_LOW_THRESHOLD", {"value": "much"}, "value=much: must be a decimal number"),
        (TOKENS, "COST_ALERT_LOW_THRESHOLD", {"value": "NaN"}, "value=NaN: must be a decimal number"),
        (
            TOKENS,
            "COST_ALERT_LOW_THRESHOLD",
            {"value": "3.00"},
            "COST_ALERT_LOW_THRESHOLD=3.00 usd: must be less than COST_ALERT_MEDIUM_THRESHOLD=3.00 usd",
        ),
        (
            TOKENS,
            "COST_OPTIMIZATION_TARGET_SAVINGS",
            {"value": "0.21"},
            "COST_OPTIMIZATION_TARGET_SAVINGS=0.21 fraction: must agree with TOKEN_OPTIMIZATION_DEFAULT_",
        ),
        (
            TOKENS,
            "TOKEN_CONTEXT_CLEANUP_INTERVAL",
            {"value": 3600},
            "CLEANUP_INTERVAL=3600 seconds: must be less than TOKEN_SESSION_TTL_MINUTES=60 minutes",
        ),
        (
            "pricing-config",
            "LLM_PRICING_GPT4_INPUT",
            {"value": "0"},
            "value=0: must be 0.000000001 to 0.001 usd_per_token",
        ),
        ("pricing-config", "LLM_PRICING_GPT4_INPUT", {"value": "-0.00003"}, "value=-0.00003: must be"),
        ("feature-flags", "token_optimization", {"on_rollback": 0}, "on_rollback=0: must be true or false"),
        ("feature-flags", "token_optimization", {"valeu": True}, "valeu=True: unknown field"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_file_and_what_is_allowed(
    policies: Path, document: str, key: str, changed: dict[str, Any], message: str
) -> None:
    path = policies / "configuration" / f"{document}.yaml"
    content = yaml.safe_load(path.read_text())
    content["settings"][key] |= changed
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(PolicyError) as caught:
        load_policy("release.yaml", directory=policies)
    assert str(caught.value).startswith(f"policy configuration/{document}.yaml: ")
    assert message in str(caught.value)
    assert key in str(caught.value)


def test_every_wrong_document_is_told_at_once(policies: Path) -> None:
    folder = policies / "configuration"
    (folder / "broken.yaml").write_text("settings: [")
    (folder / "pricing-config.yaml").write_text("settings: {X: {type: integer, value: 1}}")
    with pytest.raises(PolicyError) as caught:
        load_policy("release.yaml", directory=policies)
    first, second, *_ = str(caught.value).splitlines()
    assert first.startswith("policy configuration/broken.yaml: not YAML")
    assert second == "policy configuration/pricing-config.yaml: settings.X.integer.unit: missing"


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no configuration document"):
        read_documents(tmp_path)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"rising": [["A", "C"]]}, "rising: C is not one of the settings"),
        ({"rising": [["A", "S"]]}, "rising: S is no number"),
        ({"equal": [["A", "B"]]}, "equal: these cannot be compared"),
    ],
)
def test_a_rule_over_what_cannot_be_compared_is_refused(rule: dict[str, Any], message: str) -> None:
    number = {"type": "integer", "minimum": 0, "maximum": 9, "value": 1}
    settings = {
        "A": number | {"unit": "usd"},
        "B": number | {"unit": "seconds"},
        "S": {"type": "switch", "value": True},
    }
    with pytest.raises(ValueError, match=message):
        Document.model_validate({"settings": settings, **rule})


def test_a_rollback_must_be_consistent_too() -> None:
    number = {"type": "integer", "unit": "usd", "minimum": 0, "maximum": 9}
    settings = {"A": number | {"value": 1, "on_rollback": 5}, "B": number | {"value": 2}}
    with pytest.raises(ValueError, match=r"A=5 usd: must be less than B=2 usd on rollback"):
        Document.model_validate({"settings": settings, "rising": [["A", "B"]]})


def test_a_secret_written_into_the_policy_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text("settings: {KEY: {type: secret, value: hunter2}}")
    with pytest.raises(
        PolicyError, match=r"keys.yaml: settings.KEY.secret: value: a secret is not kept"
    ) as caught:
        read_documents(tmp_path)
    assert "hunter2" not in str(caught.value)
    # pydantic's own error carries what it was given
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_secret_is_carried_over_from_what_runs() -> None:
    document = Document.model_validate(
        {"settings": {"FLAG": {"type": "flag", "value": True}, "KEY": {"type": "secret"}}}
    )
    assert document.content() == {"FLAG": True}
    assert json.loads(document.payload({"KEY": "hunter2"})) == {"FLAG": True, "KEY": "hunter2"}
    with pytest.raises(PolicyError, match="KEY: the running version does not have this secret"):
        document.payload(None)
