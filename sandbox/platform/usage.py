"""The rows of ``token_usage_tracking``: one for every priced request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One row of ``token_usage_tracking``; ``created_at`` is UTC, naive."""

    INSERT: ClassVar[str] = """
INSERT INTO token_usage_tracking
    (id, user_id, session_key, agent_name, tokens_used, cost_usd, optimization_applied, created_at,
     model, tokens_original, cost_original_usd, optimization_succeeded, revision)
SELECT * FROM unnest(
    %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::integer[], %s::numeric[], %s::boolean[],
    %s::timestamp[], %s::text[], %s::integer[], %s::numeric[], %s::boolean[], %s::text[])
ON CONFLICT (id) DO NOTHING
"""

    id: UUID
    user_id: UUID
    session_key: str
    agent_name: str
    tokens_used: int
    cost_usd: Decimal
    optimization_applied: bool
    created_at: datetime
    model: str
    tokens_original: int
    cost_original_usd: Decimal
    optimization_succeeded: bool | None
    revision: str
