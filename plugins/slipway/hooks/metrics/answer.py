"""An answer of a PromQL API, whichever client asked for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from slipway.exceptions import MetricsUnavailable


class NoAnswerError(Exception):
    """There is no answer, or one that asking again may mend."""


@dataclass(frozen=True)
class Answer:
    """An answer.

    :param url: what was asked, without the query.
    :param status: HTTP status.
    :param text: its body.
    """

    url: str
    status: int
    text: str

    @property
    def body(self) -> dict[str, Any]:
        """The body, empty when it is no JSON object."""
        try:
            body = json.loads(self.text)
        except ValueError:
            body = None
        return body if isinstance(body, dict) else {}

    def successful(self) -> dict[str, Any]:
        """Return the body of an answer that is a success.

        :raises NoAnswerError: when asking again may help.
        :raises MetricsUnavailable: for any other failure.
        """
        if self.status == HTTPStatus.TOO_MANY_REQUESTS or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NoAnswerError(f"{self.url} answers {self.status}: {self.text[:200]}")
        body = self.body
        if self.status != HTTPStatus.OK or body.get("status") != "success":
            raise MetricsUnavailable(
                f"{self.url} answers {self.status}: {body.get('error', self.text[:200])};"
                " check the base URL and the account's rights"
            )
        return body
