"""One optimize request from its arrival to its answer."""

from __future__ import annotations

import logging
import time
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from prometheus_client import CollectorRegistry
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from sandbox.platform import pricing, tokens
from sandbox.platform.accounts import AccountBook
from sandbox.platform.budgets import Account, Totals, alert_level, utc_now
from sandbox.platform.configuration import BackendConfiguration
from sandbox.platform.fan_out import FanOut
from sandbox.platform.faults import Faults
from sandbox.platform.flags import FeatureFlags
from sandbox.platform.metrics import ALERT_LEVELS, BackendMetrics
from sandbox.platform.optimizer import Optimization, Optimizer
from sandbox.platform.product_events import ProductEvents
from sandbox.platform.request_counts import RequestCounts
from sandbox.platform.sessions import Session, SessionStore
from sandbox.platform.usage import UsageRecord
from sandbox.platform.writer import RecordWriter

LONGEST_PROMPT = 100_000

_log = logging.getLogger(__name__)
Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class OptimizeRequest(BaseModel):
    """The body of ``POST /v1/optimize`` and of a WebSocket's ``optimize`` message."""

    model_config = ConfigDict(frozen=True)

    session_key: Name
    agent_name: Name
    model: Literal["gpt-4", "gpt-3.5-turbo"]
    prompt: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PROMPT)]


class BudgetSpentError(Exception):
    """Nothing is left of the caller's monthly budget.

    :param budget: the ``budget`` object of answers.
    """

    def __init__(self, budget: dict[str, str | None]) -> None:
        super().__init__(
            f"the monthly budget of {budget['limit_usd']} USD is spent: raise it with PUT /v1/budget"
        )
        self.budget = budget


class SessionIsolationError(Exception):
    """An answer would have carried another user's session."""


class OptimizationService:
    """Optimizes, prices and accounts for prompts.

    :param configuration: the backend's configuration.
    :param flags: the feature flags in force.
    :param faults: the faults that this version has.
    :param metrics: the metrics to count in.
    :param accounts: the customers' accounts.
    :param writer: where usage goes; None when usage is not tracked.
    :param events: where what happens beside it is noted.
    :param sessions: the users' sessions.
    :param counts: counts requests, of which a user may make so many.
    :param fan_out: brings events to those who follow a session.
    """

    def __init__(
        self,
        configuration: BackendConfiguration,
        flags: FeatureFlags,
        faults: Faults,
        metrics: BackendMetrics,
        accounts: AccountBook,
        writer: RecordWriter | None,
        events: ProductEvents,
        sessions: SessionStore,
        counts: RequestCounts,
        fan_out: FanOut,
    ) -> None:
        self._configuration = configuration
        self._flags = flags
        self._faults = faults
        self._metrics = metrics
        self._accounts = accounts
        self._writer = writer
        self._events = events
        self._optimizer = Optimizer(configuration.target_percent, configuration.max_retries)
        self._sessions = sessions
        self._counts = counts
        self._fan_out = fan_out

    def uncounted(self) -> OptimizationService:
        """Return a service that answers alike and leaves nothing behind: for requests of nobody.

        No usage, no alert and no incident is written, and no metric of the business counts.
        """
        return OptimizationService(
            self._configuration,
            self._flags,
            self._faults,
            BackendMetrics(CollectorRegistry()),
            self._accounts,
            None,
            ProductEvents(self._configuration.revision, None),
            self._sessions,
            self._counts,
            self._fan_out,
        )

    async def admit(self, user_id: UUID) -> Account:
        """Return the caller's account when there is budget left.

        :param user_id: the user.
        :raises BudgetSpentError: when there is not.
        :raises TooManyRequestsError: when the user asks too often.
        """
        self._counts.require_room(user_id)
        account = await self._accounts.get(user_id)
        if account.is_spent:
            self._raise_alert(account)
            raise BudgetSpentError(self.budget(account))
        return account

    async def answer(
        self, account: Account, request: OptimizeRequest, request_id: UUID | None = None
    ) -> dict[str, Any]:
        """Optimize and price the prompt, account for it, and return the answer's content.

        :param account: the customer's account.
        :param request: what is to be optimized.
        :param request_id: id of the request; None for a new one.
        :raises SessionIsolationError: when the answer would carry another user's session.
        :raises TooManyRequestsError: when the user asks too often.
        """
        outcome, succeeded = self._optimize(request.prompt)
        whose = account.user_id, request.session_key
        counted = await self._counts.count(*whose, outcome.tokens_used)
        cost_original = self._price(request.model, outcome.tokens_original)
        cost = self._price(request.model, outcome.tokens_used)
        if succeeded:
            self._metrics.cost_original.inc(float(cost_original))
            self._metrics.cost.inc(float(cost))
        own = await self._sessions.use(*whose, outcome.tokens_used, counted)
        session = self._guarded(own, self._sessions.to_answer(own))
        account.pending += Totals(1, outcome.tokens_original, outcome.tokens_used, cost_original, cost)
        self._raise_alert(account)
        identifier = request_id or uuid4()
        self._record(identifier, account.user_id, request, outcome, succeeded, cost_original, cost)
        answer = {
            "request_id": str(identifier),
            "user_id": str(session.user_id),
            "session_key": session.key,
            "session": {"requests": session.requests, "tokens_used": session.tokens_used},
            "model": request.model,
            "optimized_prompt": outcome.text,
            "optimization_applied": outcome.applied,
            "tokens_original": outcome.tokens_original,
            "tokens_used": outcome.tokens_used,
            "cost_original_usd": pricing.text(cost_original),
            "cost_usd": pricing.text(cost),
            "saved_usd": pricing.text(cost_original - cost),
            "budget": self.budget(account),
        }
        emitted = {"request_id": str(identifier), "emitted_at": time.time()}
        await self._fan_out.publish(
            *whose,
            [{**content, **emitted, "type": kind} for kind, content in progress(answer)],
            None if counted is None else counted.followers,
        )
        return answer

    def budget(self, account: Account) -> dict[str, str | None]:
        """Return the ``budget`` object of answers."""
        spent = account.spent_usd
        return {
            "limit_usd": pricing.text(account.limit_usd),
            "spent_usd": pricing.text(spent),
            "alert": alert_level(spent, account.limit_usd, self._configuration.thresholds),
        }

    def _optimize(self, prompt: str) -> tuple[Optimization, bool | None]:
        """Return the outcome and whether the attempt succeeded; None when none was made."""
        if not (self._configuration.tracking and self._flags.on("token_optimization")):
            return _untouched(prompt), None
        try:
            outcome = self._optimizer.optimize(prompt)
        except Exception:  # noqa: BLE001  whatever is wrong with it, the customer's prompt goes through
            _log.exception("the optimizer failed on a prompt of %d characters", len(prompt))
            self._metrics.attempts.labels("failure").inc()
            self._events.incident("optimizer_failed", "warning")
            return _untouched(prompt), False
        if not outcome.attempted:
            return outcome, None
        if self._faults.no_optimization:
            outcome = _untouched(prompt)
        self._metrics.attempts.labels("success" if outcome.applied else "failure").inc()
        return outcome, outcome.applied

    def _price(self, model: str, prompt_tokens: int) -> Decimal:
        prices = self._configuration.prices
        cost = prices.cost(model, prompt_tokens)
        if self._faults.cost_factor != 1:
            cost = (cost * self._faults.cost_factor).quantize(pricing.MICRODOLLAR)
        accurate = prices.is_accurate(model, prompt_tokens, cost)
        self._metrics.cost_checks.labels("accurate" if accurate else "inaccurate").inc()
        return cost

    def _guarded(self, own: Session, session: Session) -> Session:
        if session.user_id == own.user_id:
            return session
        self._metrics.isolation_breaches.inc()
        self._events.incident("session_isolation_breach", "critical", own.user_id)
        _log.error("session isolation breach: an answer carries the session of another user")
        if self._faults.session_leak_rate:
            return session
        raise SessionIsolationError("the answer was withheld: it belonged to another user's session")

    def _raise_alert(self, account: Account) -> None:
        level = alert_level(account.spent_usd, account.limit_usd, self._configuration.thresholds)
        if level == account.alert:
            return
        if level and _rank(level) > _rank(account.alert):
            self._metrics.budget_alerts.labels(level).inc()
            self._events.alert(account.user_id, level, account.spent_usd)
        account.alert = level

    def _record(
        self,
        identifier: UUID,
        user_id: UUID,
        request: OptimizeRequest,
        outcome: Optimization,
        succeeded: bool | None,
        cost_original: Decimal,
        cost: Decimal,
    ) -> None:
        if self._writer is None:
            return
        self._writer.put(
            UsageRecord(
                id=identifier,
                user_id=user_id,
                session_key=request.session_key,
                agent_name=request.agent_name,
                tokens_used=outcome.tokens_used,
                cost_usd=cost,
                optimization_applied=outcome.applied,
                created_at=utc_now(),
                model=request.model,
                tokens_original=outcome.tokens_original,
                cost_original_usd=cost_original,
                optimization_succeeded=succeeded,
                revision=self._configuration.revision,
            )
        )


def progress(answer: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the events of an answered request, kind and content, in their order."""
    owner = {"user_id": answer["user_id"], "session_key": answer["session_key"]}
    cost = {**owner, "cost_usd": answer["cost_usd"], "budget": answer["budget"]}
    return [("cost.updated", cost), ("optimization.completed", answer)]


def mistakes(error: ValidationError) -> list[Any]:
    """Return what is wrong with a request's body, without repeating the body."""
    return list(error.errors(include_url=False, include_input=False, include_context=False))


def _untouched(prompt: str) -> Optimization:
    count = tokens.count(prompt)
    return Optimization(prompt, count, count, attempted=False)


def _rank(level: str | None) -> int:
    return ALERT_LEVELS.index(level) if level else -1
