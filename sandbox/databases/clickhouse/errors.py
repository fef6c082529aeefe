"""The engine's errors, and how ClickHouse's HTTP interface reports each of them."""

from __future__ import annotations

import re
from http import HTTPStatus

_CODE = re.compile(r"Code: (\d+)\. ")

# As in ClickHouse's exceptionCodeToHTTPStatus; every other code is an internal server error.
_STATUS_OF_CODE = {
    **dict.fromkeys((516, 192, 193), HTTPStatus.FORBIDDEN),
    **dict.fromkeys((6, 7, 25, 26, 27, 38, 41, 53, 62, 72, 117, 168, 456, 457), HTTPStatus.BAD_REQUEST),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 81, 115, 372), HTTPStatus.NOT_FOUND),
    48: HTTPStatus.NOT_IMPLEMENTED,
    159: HTTPStatus.REQUEST_TIMEOUT,
    223: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


class QueryError(Exception):
    """A ClickHouse exception.

    :param code: ClickHouse's error code, for example 60.
    :param message: the text shown to the client, as ClickHouse words it.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @classmethod
    def named(cls, code: int, name: str, text: str) -> QueryError:
        """Build an error of this server's own in ClickHouse's wording."""
        return cls(code, f"Code: {code}. DB::Exception: {text}. ({name})")

    @classmethod
    def from_engine(cls, error: BaseException) -> QueryError:
        """Turn what chDB raised into a ClickHouse exception; 1002 (unknown) when it names no code."""
        text = str(error)
        found = _CODE.search(text)
        if found is None:
            return cls.named(1002, "UNKNOWN_EXCEPTION", text)
        return cls(int(found.group(1)), text[found.start() :])

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status this error is answered with."""
        return _STATUS_OF_CODE.get(self.code, HTTPStatus.INTERNAL_SERVER_ERROR)


class ServerStartError(Exception):
    """The server cannot start; the message says why and what to do."""
