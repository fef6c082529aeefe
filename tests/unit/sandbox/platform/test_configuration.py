"""The backend's settings: what is read, what is refused, and what is never shown."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from sandbox.platform.configuration import BackendConfiguration
from sandbox.platform.errors import ConfigurationError
from sandbox.platform.flags import FeatureFlags
from tests.unit.sandbox.platform.test_pricing import PUBLIC

SECRET = "s3cret-password"
ENVIRONMENT = {
    "ENVIRONMENT": "staging",
    "DATABASE_URL": f"postgresql://user:{SECRET}@127.0.0.1:5432/netra",
    "AUTH_SIGNING_KEY": SECRET,
    "TOKEN_OPTIMIZATION_ENABLED": "true",
    "TOKEN_CONFIG": json.dumps(
        {"TOKEN_OPTIMIZATION_DEFAULT_TARGET_REDUCTION": "18", "TOKEN_SESSION_TTL_MINUTES": "5"}
    ),
    "PRICING_CONFIG": json.dumps(PUBLIC),
    "FEATURE_FLAGS": '{"token_optimization": true}',
    "K_REVISION": "netra-backend-staging-00002",
}


def test_everything_is_read() -> None:
    configuration = BackendConfiguration.from_environment(ENVIRONMENT)
    assert configuration.revision == "netra-backend-staging-00002"
    assert configuration.tracking
    assert configuration.flags == {"token_optimization": "True"}
    assert configuration.target_percent == 18
    assert configuration.session_ttl_seconds == 300
    assert configuration.default_budget_usd == Decimal(100)
    assert configuration.prices.cost("gpt-4", 1000) == Decimal("0.03")


def test_the_flag_ends_optimizing_but_not_tracking() -> None:
    configuration = BackendConfiguration.from_environment(
        ENVIRONMENT | {"FEATURE_FLAGS": '{"token_optimization": false}'}
    )
    assert configuration.tracking
    assert not FeatureFlags(configuration.flags).on("token_optimization")


@pytest.mark.parametrize(
    ("variable", "document", "tracking"),
    [("false", "true", False), ("true", "false", True), (None, "true", True), (None, None, False)],
)
def test_the_variable_decides_over_the_document(
    variable: str | None, document: str | None, tracking: bool
) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != "TOKEN_OPTIMIZATION_ENABLED"}
    if variable:
        environment["TOKEN_OPTIMIZATION_ENABLED"] = variable
    values = {"USER_BUDGET_DEFAULT_MONTHLY": "50"} | (
        {"TOKEN_OPTIMIZATION_ENABLED": document} if document else {}
    )
    environment["TOKEN_CONFIG"] = json.dumps(values)
    configuration = BackendConfiguration.from_environment(environment)
    assert configuration.tracking is tracking


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"ENVIRONMENT": "test"}, "ENVIRONMENT"),
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"AUTH_SIGNING_KEY": ""}, "AUTH_SIGNING_KEY"),
        ({"TOKEN_OPTIMIZATION_ENABLED": "maybe"}, "TOKEN_OPTIMIZATION_ENABLED"),
        ({"TOKEN_CONFIG": ""}, "TOKEN_CONFIG"),
        ({"TOKEN_CONFIG": f'{{"x": {SECRET}'}, "TOKEN_CONFIG"),
        ({"TOKEN_CONFIG": "[]"}, "TOKEN_CONFIG"),
        ({"TOKEN_CONFIG": '{"COST_ALERT_LOW_THRESHOLD": "much"}'}, "COST_ALERT_LOW_THRESHOLD"),
        ({"TOKEN_CONFIG": '{"USER_BUDGET_DEFAULT_MONTHLY": "-1"}'}, "USER_BUDGET_DEFAULT_MONTHLY"),
        ({"PRICING_CONFIG": "{}"}, "LLM_PRICING_GPT4_INPUT"),
        ({"DATABASE_CONNECT_SECONDS": "soon"}, "DATABASE_CONNECT_SECONDS"),
    ],
)
def test_an_unusable_setting_is_named_and_no_secret_is_shown(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as refused:
        BackendConfiguration.from_environment(ENVIRONMENT | changes)
    assert SECRET not in str(refused.value)
