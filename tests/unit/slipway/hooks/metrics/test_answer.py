"""Which answers are worth asking again, and which are wrong for good."""

from __future__ import annotations

import json

import pytest
from slipway.exceptions import MetricsUnavailable
from slipway.hooks.metrics import shared_client
from slipway.hooks.metrics.answer import Answer, NoAnswerError

URL = "https://metrics.example/api/v1/query"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_overloaded_source_is_asked_again(status: int) -> None:
    with pytest.raises(NoAnswerError, match=f"{URL} answers {status}: busy"):
        Answer(URL, status, "busy").successful()


@pytest.mark.parametrize(
    ("status", "text"), [(302, ""), (403, '{"error": "no right"}'), (200, "<html>"), (200, "[]")]
)
def test_what_is_no_success_names_the_address_and_what_to_check(status: int, text: str) -> None:
    with pytest.raises(MetricsUnavailable, match=f"{URL} answers {status}: .*check the base URL"):
        Answer(URL, status, text).successful()


def test_a_success_is_its_body() -> None:
    body = {"status": "success", "data": {}}
    assert Answer(URL, 200, json.dumps(body)).successful() == body


def test_the_environments_proxy_is_used_but_where_it_is_excepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    shared_client._proxy.cache_clear()
    assert shared_client._proxy("https", "metrics.example") == "http://proxy.example:3128"
    assert shared_client._proxy("https", "inside.example") is None
    assert shared_client._proxy("http", "metrics.example") is None
    shared_client._proxy.cache_clear()
