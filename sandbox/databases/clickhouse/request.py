"""What a client asked for, read from the parts of one HTTP request."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

from sandbox.databases.clickhouse.errors import QueryError
from sandbox.databases.clickhouse.statement import Kind, Statement, parse

_LONGEST_STATEMENT = 16 * 1024 * 1024
# Parameters of the protocol itself, and settings that only the HTTP interface would act on.
_PROTOCOL = {
    "query", "database", "default_format", "session_id", "session_timeout", "session_check", "query_id",
    "wait_end_of_query", "user", "password", "quota_key", "buffer_size", "compress", "decompress",
    "client_protocol_version", "role", "enable_http_compression", "http_zlib_compression_level",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close", "http_wait_end_of_query", "stacktrace",
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One statement and how to run it.

    :param data: the rows of an INSERT, decoded, in pieces.
    :param settings: engine settings that hold for this request.
    :param parameters: values of ``{name:Type}`` in the statement.
    """

    statement: Statement
    data: Iterator[bytes]
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    query_id: str
    default_format: str
    database: str | None
    session_id: str | None
    session_timeout: float
    session_check: bool
    wait_end_of_query: bool
    compress_response: bool


def url_parameters(query_string: str) -> dict[str, str]:
    """Read a URL's parameters; the last of a repeated name counts."""
    return dict(parse_qsl(query_string, keep_blank_values=True))


def _form(content_type: str, body: bytes) -> dict[str, str]:
    if content_type.startswith("application/x-www-form-urlencoded"):
        return url_parameters(body.decode())
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body
    )
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename() is not None:
            raise QueryError.named(
                48, "NOT_IMPLEMENTED", f"external data ({name}) is not part of this server"
            )
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            fields[name] = payload.decode()
    return fields


def _is_true(text: str) -> bool:
    return text.lower() in ("1", "true")


def _statement(url_query: str, body: Iterator[bytes]) -> tuple[Statement, Iterator[bytes]]:
    """Take the statement from the URL, then from the body: rows follow it in the body."""
    head = url_query.encode()
    if head.strip():
        statement = parse(head)
        if statement.kind is Kind.INSERT_DATA:
            return statement, _after(statement.data, body)
        head += b"\n"
    # A body may be an endless INSERT: search for the end of its statement after each piece.
    for piece in body:
        head += piece
        if head.lstrip()[:6].upper() == b"INSERT":
            statement = parse(head)
            if statement.kind is Kind.INSERT_DATA and (statement.data or statement.format == "Values"):
                return statement, _after(statement.data, body)
        if len(head) > _LONGEST_STATEMENT:
            raise QueryError.named(62, "SYNTAX_ERROR", f"the query is longer than {_LONGEST_STATEMENT} bytes")
    statement = parse(head)
    return statement, _after(statement.data, body)


def _after(data: bytes, body: Iterator[bytes]) -> Iterator[bytes]:
    if data:
        yield data
    yield from body


def read(
    parameters: Mapping[str, str], headers: Mapping[str, str], body: Iterator[bytes], is_get: bool
) -> Request:
    """Read a request.

    :param parameters: the URL's parameters.
    :param headers: the request's headers, by lower-case name.
    :param body: the decoded body in pieces.
    :param is_get: whether the request is a GET, which may not write.
    :raises QueryError: 62 for a statement that cannot be split, 48 for what this server does not implement,
        164 for a write by GET.
    """
    content_type = headers.get("content-type", "")
    values = dict(parameters)
    if content_type.startswith(("multipart/form-data", "application/x-www-form-urlencoded")):
        values.update(_form(content_type, b"".join(body)))
        body = iter(())
    for name in ("compress", "decompress"):
        if _is_true(values.get(name, "0")):
            raise QueryError.named(
                48, "NOT_IMPLEMENTED", f"{name}=1: use HTTP content encodings, not ClickHouse's own framing"
            )
    statement, data = _statement(values.get("query", ""), body)
    if is_get and statement.kind in (Kind.WRITE, Kind.INSERT_DATA):
        raise QueryError.named(
            164, "READONLY", "Cannot execute query in readonly mode: use POST to change data"
        )
    default_format = values.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated"
    return Request(
        statement=statement,
        data=data,
        settings={k: v for k, v in values.items() if k not in _PROTOCOL and not k.startswith("param_")},
        parameters={k.removeprefix("param_"): v for k, v in values.items() if k.startswith("param_")},
        query_id=values.get("query_id") or str(uuid.uuid4()),
        default_format=default_format,
        database=values.get("database") or headers.get("x-clickhouse-database"),
        session_id=values.get("session_id") or None,
        session_timeout=float(values.get("session_timeout") or 60),
        session_check=_is_true(values.get("session_check", "0")),
        wait_end_of_query=_is_true(values.get("wait_end_of_query", "0")),
        compress_response=_is_true(values.get("enable_http_compression", "0")),
    )
