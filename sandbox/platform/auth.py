"""The auth service: ``python -m sandbox.platform.auth --host 127.0.0.1 --port $PORT``."""

from __future__ import annotations

import asyncio
import os
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.platform.configuration import required
from sandbox.platform.faults import Faults, strikes
from sandbox.platform.identity import LIFETIME_SECONDS, TokenError, Verifier, issue
from sandbox.platform.metrics import RequestMetrics
from sandbox.platform.server import ServiceMiddleware, arguments, run, serve, service_routes


class TokenRequest(BaseModel):
    """The body of ``POST /v1/token``."""

    user_id: UUID


class AuthApi:
    """Issues and checks tokens.

    :param key: the signing key. A secret.
    :param faults: the faults that this version has.
    """

    def __init__(self, key: str, faults: Faults) -> None:
        self._key = key
        self._faults = faults
        self._verifier = Verifier(key)

    async def token(self, request: Request) -> Response:
        """``POST /v1/token``: a token for the user, 422 when the id is no UUID."""
        try:
            body = TokenRequest.model_validate_json(await request.body())
        except ValidationError:
            return JSONResponse({"error": 'send {"user_id": "<uuid>"}'}, 422)
        if strikes(self._faults.token_loss_rate):
            return JSONResponse({"expires_in": LIFETIME_SECONDS})
        return JSONResponse({"token": issue(body.user_id, self._key), "expires_in": LIFETIME_SECONDS})

    async def verify(self, request: Request) -> Response:
        """``GET /v1/verify``: whose bearer token it is, 401 when it is not good."""
        try:
            identity = self._verifier.verify_header(request.headers.get("authorization"))
        except TokenError as error:
            return JSONResponse({"error": str(error)}, 401)
        return JSONResponse({"user_id": str(identity.user_id), "expires_at": int(identity.expires_at)})


async def main() -> None:
    """Serve until SIGTERM.

    :raises ConfigurationError: when the signing key is missing.
    """
    options = arguments("auth", os.environ.get("PORT", ""))
    api = AuthApi(required(os.environ, "AUTH_SIGNING_KEY"), Faults.from_environment(os.environ))
    draining = asyncio.Event()
    routes = [
        Route("/v1/token", api.token, methods=["POST"]),
        Route("/v1/verify", api.verify),
        *service_routes(),
    ]
    application = ServiceMiddleware(
        Starlette(routes=routes), os.environ.get("K_REVISION", "local"), RequestMetrics(), draining
    )
    await serve(application, options.host, options.port, draining)


if __name__ == "__main__":
    run(main())
