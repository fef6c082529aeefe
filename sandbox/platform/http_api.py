"""The backend's HTTP API."""

from __future__ import annotations

from copy import copy
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import psycopg
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.platform import pricing
from sandbox.platform.accounts import AccountBook
from sandbox.platform.identity import TokenError, Verifier
from sandbox.platform.optimization import (
    BudgetSpentError,
    OptimizationService,
    OptimizeRequest,
    SessionIsolationError,
    mistakes,
)
from sandbox.platform.product_events import ProductEvents
from sandbox.platform.request_counts import TooManyRequestsError
from sandbox.platform.server import SYNTHETIC_HEADER


class BudgetRequest(BaseModel):
    """The body of ``PUT /v1/budget``: dollars and cents, as the database keeps them."""

    limit_usd: Annotated[Decimal, Field(gt=0, max_digits=10, decimal_places=2)]


class HttpApi:
    """The endpoints under ``/v1/``; every one wants a bearer token from the auth service."""

    def __init__(
        self,
        service: OptimizationService,
        accounts: AccountBook,
        verifier: Verifier,
        events: ProductEvents,
    ) -> None:
        self._service = service
        self._uncounted = service.uncounted()
        self._accounts = accounts
        self._verifier = verifier
        self._events = events

    async def optimize(self, request: Request) -> Response:
        """``POST /v1/optimize``: 200, 401 (token), 402 (budget), 422 (body) or 429 (too often)."""
        try:
            caller = self._caller(request)
            body = OptimizeRequest.model_validate_json(await request.body())
            account = await self._service.admit(caller)
            if _is_synthetic(request):
                return JSONResponse(await self._uncounted.answer(copy(account), body))
            return JSONResponse(await self._service.answer(account, body))
        except TokenError as error:
            return _refusal(401, str(error))
        except BudgetSpentError as error:
            return JSONResponse({"error": str(error), "budget": error.budget}, 402)
        except TooManyRequestsError as error:
            headers = {"retry-after": str(error.retry_seconds)}
            return JSONResponse({"error": str(error)}, 429, headers)
        except ValidationError as error:
            return _refusal(422, mistakes(error))
        except SessionIsolationError as error:
            return _refusal(500, str(error))

    async def costs(self, request: Request) -> Response:
        """``GET /v1/costs``: the caller's month to date, with what every instance has written by now."""
        try:
            caller = self._caller(request)
        except TokenError as error:
            return _refusal(401, str(error))
        if not _is_synthetic(request):
            self._events.used(caller, "costs")
        account = await self._accounts.get(caller)
        await self._accounts.refresh([account])
        totals = account.totals
        return JSONResponse(
            {
                "user_id": str(caller),
                "month": account.month.strftime("%Y-%m"),
                "requests": totals.requests,
                "tokens_original": totals.tokens_original,
                "tokens_used": totals.tokens_used,
                "cost_original_usd": pricing.text(totals.cost_original_usd),
                "cost_usd": pricing.text(totals.cost_usd),
                "saved_usd": pricing.text(totals.cost_original_usd - totals.cost_usd),
                "budget": self._service.budget(account),
            }
        )

    async def set_budget(self, request: Request) -> Response:
        """``PUT /v1/budget``: sets the caller's own monthly budget."""
        try:
            caller = self._caller(request)
            body = BudgetRequest.model_validate_json(await request.body())
            account = await self._accounts.set_limit(caller, body.limit_usd)
            self._events.used(caller, "budget")
        except TokenError as error:
            return _refusal(401, str(error))
        except ValidationError as error:
            return _refusal(422, mistakes(error))
        except psycopg.Error as error:
            return _refusal(503, f"the budget was not stored ({type(error).__name__}): try again")
        return JSONResponse({"user_id": str(caller), "budget": self._service.budget(account)})

    def _caller(self, request: Request) -> UUID:
        return self._verifier.verify_header(request.headers.get("authorization")).user_id


def _is_synthetic(request: Request) -> bool:
    return request.headers.get(SYNTHETIC_HEADER) == "true"


def _refusal(status: int, error: object) -> Response:
    return JSONResponse({"error": error}, status)
