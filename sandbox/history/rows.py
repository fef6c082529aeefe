"""The rows of the product's tables that the KPIs rest on: one class per table, one field per column."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID


class User(NamedTuple):
    """A user as of today; times have a zone."""

    id: UUID
    plan: str
    monthly_budget_usd: int
    created_at: datetime
    converted_at: datetime | None


class Price(NamedTuple):
    """A price that holds from a moment on."""

    model: str
    effective_from: datetime
    usd_per_token: Decimal


class Usage(NamedTuple):
    """A request."""

    id: UUID
    user_id: UUID
    session_key: str
    agent_name: str
    model: str | None
    revision: str | None
    tokens_used: int | None
    tokens_original: int | None
    cost_usd: Decimal | None
    cost_original_usd: Decimal | None
    optimization_applied: bool
    optimization_succeeded: bool | None
    created_at: datetime


class Delivery(NamedTuple):
    """An optimization whose progress a client followed."""

    id: UUID
    user_id: UUID
    revision: str
    events_owed: int
    events_delivered: int
    slowest_ms: Decimal | None
    created_at: datetime


class Alert(NamedTuple):
    """A user came near their limit, or reached it."""

    id: UUID
    user_id: UUID
    revision: str
    level: str
    spent_usd: Decimal
    created_at: datetime


class Incident(NamedTuple):
    """What must not happen."""

    id: UUID
    user_id: UUID | None
    revision: str
    kind: str
    severity: str
    created_at: datetime


class FeatureUse(NamedTuple):
    """A user opened their costs or set a budget."""

    id: UUID
    user_id: UUID
    revision: str
    feature: str
    created_at: datetime


class Subscription(NamedTuple):
    """The plan and revenue of a user from a moment on."""

    id: UUID
    user_id: UUID
    kind: str
    plan: str
    mrr_usd: Decimal
    occurred_at: datetime


class Answer(NamedTuple):
    """A user's answer to how satisfied they are."""

    id: UUID
    user_id: UUID
    topic: str
    score: int
    created_at: datetime


class Enquiry(NamedTuple):
    """Somebody asked about an enterprise contract."""

    id: UUID
    user_id: UUID | None
    source: str
    created_at: datetime


class Deletion(NamedTuple):
    """A user asked to be forgotten."""

    user_id: UUID
    deleted_at: datetime


Row = (
    User
    | Price
    | Usage
    | Delivery
    | Alert
    | Incident
    | FeatureUse
    | Subscription
    | Answer
    | Enquiry
    | Deletion
)
TABLES: Mapping[type[Row], str] = {
    User: "users",
    Price: "token_price",
    Usage: "token_usage_tracking",
    Delivery: "websocket_delivery",
    Alert: "budget_alert",
    Incident: "platform_incident",
    FeatureUse: "cost_feature_use",
    Subscription: "subscription_event",
    Answer: "satisfaction_answer",
    Enquiry: "enterprise_enquiry",
    Deletion: "user_deletion",
}
