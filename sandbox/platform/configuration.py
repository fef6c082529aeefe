"""The backend's settings, read once from its environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sandbox.platform.errors import ConfigurationError
from sandbox.platform.pricing import PriceList


@dataclass(frozen=True, slots=True)
class AlertThresholds:
    """Month-to-date spend in dollars from which an alert level holds."""

    low: Decimal
    medium: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class BackendConfiguration:
    """The configuration of the backend.

    :param environment: ``production`` or ``staging``.
    :param revision: name of the Cloud Run revision this process belongs to.
    :param database_url: PostgreSQL connection URL. A secret.
    :param database_connect_seconds: how long the database may take to answer at the start.
    :param signing_key: key of the auth service's tokens. A secret.
    :param tracking: whether usage is optimized and written down at all (the release's own switch).
    :param flags: the feature flags that the revision mounts.
    :param flags_reference: resource name of the version that they are.
    :param secret_manager: address of Secret Manager.
    :param session_ttl_seconds: how long an idle session is kept.
    :param redis_url: what the instances share; empty for nothing.
    :param requests_per_minute: how many requests of one user are let through.
    """

    environment: str
    revision: str
    database_url: str
    database_connect_seconds: float
    signing_key: str
    tracking: bool
    flags: Mapping[str, str]
    flags_reference: str
    secret_manager: str
    target_percent: float
    max_retries: int
    prices: PriceList
    thresholds: AlertThresholds
    default_budget_usd: Decimal
    session_ttl_seconds: float
    cleanup_interval_seconds: float
    redis_url: str
    requests_per_minute: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> BackendConfiguration:
        """Read the variables ``ENVIRONMENT``, ``DATABASE_URL``, ``TOKEN_CONFIG`` and so on.

        :param environment: environment variables of the process.
        :raises ConfigurationError: naming the first variable that cannot be used.
        """
        tokens = _json_object(environment, "TOKEN_CONFIG")
        # The revision's own variable decides; the configuration document only says what holds without it.
        tracking = _switch({**tokens, **environment}, "TOKEN_OPTIMIZATION_ENABLED")
        if tracking and not tokens:
            raise ConfigurationError("TOKEN_CONFIG is not set, but TOKEN_OPTIMIZATION_ENABLED is true")
        try:
            prices = PriceList.from_configuration(_json_object(environment, "PRICING_CONFIG") or tokens)
        except ValueError as error:
            raise ConfigurationError(f"PRICING_CONFIG: {error}") from error
        return cls(
            environment=_one_of(environment, "ENVIRONMENT", ("production", "staging")),
            revision=environment.get("K_REVISION", "local"),
            database_url=required(environment, "DATABASE_URL"),
            database_connect_seconds=float(_amount(environment, "DATABASE_CONNECT_SECONDS", "15")),
            signing_key=required(environment, "AUTH_SIGNING_KEY"),
            tracking=tracking,
            flags=_json_object(environment, "FEATURE_FLAGS"),
            flags_reference=environment.get("FEATURE_FLAGS_REFERENCE", ""),
            secret_manager=environment.get("SECRET_MANAGER_ENDPOINT", "https://secretmanager.googleapis.com"),
            target_percent=float(_amount(tokens, "TOKEN_OPTIMIZATION_DEFAULT_TARGET_REDUCTION", "20")),
            max_retries=int(_amount(tokens, "TOKEN_OPTIMIZATION_MAX_RETRIES", "3")),
            prices=prices,
            thresholds=AlertThresholds(
                low=_amount(tokens, "COST_ALERT_LOW_THRESHOLD", "1.00"),
                medium=_amount(tokens, "COST_ALERT_MEDIUM_THRESHOLD", "3.00"),
                high=_amount(tokens, "COST_ALERT_HIGH_THRESHOLD", "5.00"),
            ),
            default_budget_usd=_amount(tokens, "USER_BUDGET_DEFAULT_MONTHLY", "100.00"),
            session_ttl_seconds=60 * float(_amount(tokens, "TOKEN_SESSION_TTL_MINUTES", "60")),
            cleanup_interval_seconds=float(_amount(tokens, "TOKEN_CONTEXT_CLEANUP_INTERVAL", "300")),
            redis_url=environment.get("REDIS_URL", ""),
            requests_per_minute=int(_amount(environment, "RATE_LIMIT_PER_MINUTE", "6000")),
        )


def required(environment: Mapping[str, str], name: str) -> str:
    """Return a variable that must be there.

    :param environment: environment variables of the process.
    :param name: name of the variable.
    :raises ConfigurationError: when it is not set or empty.
    """
    value = environment.get(name, "")
    if not value:
        raise ConfigurationError(f"{name} is not set: the service cannot start without it")
    return value


def _json_object(environment: Mapping[str, str], name: str) -> dict[str, str]:
    text = environment.get(name) or "{}"
    try:
        value = json.loads(text)
    except ValueError:
        # "from None": the decoder's error carries the text, which is a secret.
        raise ConfigurationError(f"{name} is not valid JSON") from None
    if not isinstance(value, dict):
        raise ConfigurationError(f"{name} must be a JSON object")
    return {str(key): str(item) for key, item in value.items()}


def _amount(values: Mapping[str, str], key: str, default: str) -> Decimal:
    text = values.get(key, default)
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ConfigurationError(f"{key}={text!r}: must be a number") from None
    if not amount.is_finite() or amount < 0:
        raise ConfigurationError(f"{key}={text}: must not be negative")
    return amount


def _switch(environment: Mapping[str, str], name: str) -> bool:
    value = environment.get(name, "false")
    if value.lower() not in {"true", "false"}:
        raise ConfigurationError(f"{name}={value!r}: must be true or false")
    return value.lower() == "true"


def _one_of(environment: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = environment.get(name, "")
    if value not in allowed:
        raise ConfigurationError(f"{name}={value!r}: must be {' or '.join(allowed)}")
    return value
