"""The errors a Google API answers with, by their canonical names."""

from __future__ import annotations

from typing import ClassVar


class ApiError(Exception):
    """Base of the errors a stand-in answers with.

    :param message: what is wrong, as the caller will read it.
    """

    code: ClassVar[int] = 500
    status: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFoundError(ApiError):
    """The thing named does not exist."""

    code, status = 404, "NOT_FOUND"


class AlreadyExistsError(ApiError):
    """The thing to be created exists."""

    code, status = 409, "ALREADY_EXISTS"


class AbortedError(ApiError):
    """Somebody else has changed the resource."""

    code, status = 409, "ABORTED"


class FailedPreconditionError(ApiError):
    """The thing is not in a state that allows the call."""

    code, status = 400, "FAILED_PRECONDITION"


class InvalidArgumentError(ApiError):
    """The request itself is wrong."""

    code, status = 400, "INVALID_ARGUMENT"
