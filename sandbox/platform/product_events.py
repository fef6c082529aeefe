"""What the backend notes beside the usage: deliveries, alerts, incidents, uses of cost features."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID, uuid4

from sandbox.platform.budgets import utc_now
from sandbox.platform.writer import RecordWriter

_MILLISECOND_PLACES = 3


@dataclass(frozen=True, slots=True)
class Delivery:
    """One row of ``websocket_delivery``."""

    INSERT: ClassVar[str] = """
INSERT INTO websocket_delivery
    (id, user_id, revision, events_owed, events_delivered, slowest_ms, created_at)
SELECT * FROM unnest(
    %s::uuid[], %s::uuid[], %s::text[], %s::integer[], %s::integer[], %s::numeric[], %s::timestamp[])
ON CONFLICT (id) DO NOTHING
"""

    id: UUID
    user_id: UUID
    revision: str
    events_owed: int
    events_delivered: int
    slowest_ms: Decimal | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """One row of ``budget_alert``."""

    INSERT: ClassVar[str] = """
INSERT INTO budget_alert (id, user_id, revision, level, spent_usd, created_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::numeric[], %s::timestamp[])
ON CONFLICT (id) DO NOTHING
"""

    id: UUID
    user_id: UUID
    revision: str
    level: str
    spent_usd: Decimal
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Incident:
    """One row of ``platform_incident``."""

    INSERT: ClassVar[str] = """
INSERT INTO platform_incident (id, user_id, revision, kind, severity, created_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamp[])
ON CONFLICT (id) DO NOTHING
"""

    id: UUID
    user_id: UUID | None
    revision: str
    kind: str
    severity: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FeatureUse:
    """One row of ``cost_feature_use``."""

    INSERT: ClassVar[str] = """
INSERT INTO cost_feature_use (id, user_id, revision, feature, created_at)
SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamp[])
ON CONFLICT (id) DO NOTHING
"""

    id: UUID
    user_id: UUID
    revision: str
    feature: str
    created_at: datetime


class ProductEvents:
    """Notes events of one revision; without a writer it notes nothing.

    :param revision: the revision this process belongs to.
    :param writer: where they go; None when usage is not tracked.
    """

    def __init__(self, revision: str, writer: RecordWriter | None) -> None:
        self._revision = revision
        self._writer = writer

    def delivered(
        self, request_id: UUID, user_id: UUID, *, owed: int, delivered: int, slowest_seconds: float | None
    ) -> None:
        """Note the events of one optimization that a client followed."""
        slowest = None
        if slowest_seconds is not None:
            slowest = Decimal(str(round(1000 * slowest_seconds, _MILLISECOND_PLACES)))
        self._put(Delivery(request_id, user_id, self._revision, owed, delivered, slowest, utc_now()))

    def alert(self, user_id: UUID, level: str, spent_usd: Decimal) -> None:
        """Note that a user reached an alert level."""
        self._put(Alert(uuid4(), user_id, self._revision, level, spent_usd, utc_now()))

    def incident(self, kind: str, severity: str, user_id: UUID | None = None) -> None:
        """Note what must not happen.

        :param kind: kind of the incident.
        :param severity: ``warning`` or ``critical``.
        :param user_id: the user; None when nobody is known.
        """
        self._put(Incident(uuid4(), user_id, self._revision, kind, severity, utc_now()))

    def used(self, user_id: UUID, feature: str) -> None:
        """Note that a user used a cost feature."""
        self._put(FeatureUse(uuid4(), user_id, self._revision, feature, utc_now()))

    def _put(self, record: Delivery | Alert | Incident | FeatureUse) -> None:
        if self._writer is not None:
            self._writer.put(record)
