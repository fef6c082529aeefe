"""HTTP routes of a Google API, derived from the official client's own table of them.

The REST transport of each official client carries, per method, the HTTP verb, the path template and which
request field is the body. Serving exactly that table means that client and stand-in cannot drift apart.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from google.protobuf import json_format
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.cloud.api_errors import ApiError, InvalidArgumentError

Handler = Callable[[Any], Any]
"""A method of the API: takes the request message, returns (or awaits) the response message or raises an
``ApiError``."""

_VARIABLE = re.compile(r"\{(?P<field>[^=}]+)(=(?P<pattern>[^}]+))?\}")
_ONE_PART = "*"


def error_response(error: ApiError) -> JSONResponse:
    """Write an error the way Google's REST front does, so that the client raises the same class again."""
    body = {"error": {"code": error.code, "message": error.message, "status": error.status}}
    return JSONResponse(body, status_code=error.code)


def routes(base: type, handlers: Mapping[str, tuple[Any, Handler]]) -> list[Route]:
    """Build the routes of the given methods.

    :param base: the client's ``_Base<Service>RestTransport`` class.
    :param handlers: per method name (``GetSecret``), the request message class and what answers it.
    :return: routes, those with a ``:verb`` before those without, so that a name never swallows a verb.
    :raises AttributeError: when the client has no such method.
    """
    found: list[tuple[str, Route]] = []
    for method, (message_class, handler) in handlers.items():
        for binding in getattr(base, f"_Base{method}")._get_http_options():
            uri = binding["uri"]
            endpoint = _endpoint(_fields(uri), binding.get("body"), message_class, handler)
            found.append((uri, Route(_path(uri), endpoint, methods=[binding["method"].upper()], name=method)))
    return [route for _, route in sorted(found, key=lambda pair: ":" not in pair[0].rpartition("}")[2])]


def _path(uri: str) -> str:
    """Turn ``/v1/{name=projects/*}:verb`` into the framework's ``/v1/projects/{name_0}:verb``."""

    def expand(match: re.Match[str]) -> str:
        parts = (match["pattern"] or _ONE_PART).split("/")
        field = match["field"].replace(".", "__")
        return "/".join(f"{{{field}_{i}}}" if part == "*" else part for i, part in enumerate(parts))

    return _VARIABLE.sub(expand, uri)


def _fields(uri: str) -> dict[str, str]:
    return {match["field"]: match["pattern"] or _ONE_PART for match in _VARIABLE.finditer(uri)}


def _endpoint(
    fields: Mapping[str, str], body_field: str | None, message_class: Any, handler: Handler
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            content = await request.body()
            message = _message(message_class, fields, body_field, request, content)
            answer = handler(message)
            if inspect.isawaitable(answer):
                answer = await answer
        except ApiError as error:
            return error_response(error)
        raw: Any = getattr(answer, "_pb", answer)
        return Response(json_format.MessageToJson(raw), media_type="application/json")

    return endpoint


def _message(
    message_class: Any, fields: Mapping[str, str], body_field: str | None, request: Request, content: bytes
) -> Any:
    """Put together the request message from path, query and body.

    :raises InvalidArgumentError: when the body or a parameter does not fit the message.
    """
    # Google's own types (operations) are plain protobuf messages, those of the client wrap one.
    message = message_class.pb(message_class()) if hasattr(message_class, "pb") else message_class()
    values: dict[str, Any] = {}
    for key, value in request.query_params.items():
        if not key.startswith("$"):
            _put(values, key, _typed(message.DESCRIPTOR, key, value))
    try:
        body = json.loads(content) if content else {}
        if body_field == "*":
            values.update(body)
        elif body_field:
            values[body_field] = body
        for field, pattern in fields.items():
            _put(values, field, _name(field, pattern, request.path_params))
        json_format.ParseDict(values, message)
    except (ValueError, json_format.ParseError) as error:
        raise InvalidArgumentError(f"Invalid {message_class.__name__}: {error}") from error
    return message_class.wrap(message) if hasattr(message_class, "wrap") else message


def _typed(descriptor: Any, key: str, value: str) -> str | bool:
    """A query string writes booleans as words; JSON parsing takes only real ones."""
    field = next((f for f in descriptor.fields if key in (f.name, f.json_name)), None)
    is_boolean = field is not None and field.type == field.TYPE_BOOL
    return value == "true" if is_boolean and value in ("true", "false") else value


def _name(field: str, pattern: str, values: Mapping[str, str]) -> str:
    key = field.replace(".", "__")
    return "/".join(
        values[f"{key}_{i}"] if part == "*" else part for i, part in enumerate(pattern.split("/"))
    )


def _put(values: dict[str, Any], dotted: str, value: str | bool) -> None:
    *parents, last = dotted.split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
    values[last] = value
