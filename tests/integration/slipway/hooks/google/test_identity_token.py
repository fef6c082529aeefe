"""A service that admits only some callers is asked with an identity token for it, and only it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from slipway.exceptions import IdentityUnavailable
from slipway.hooks.google.identity_token import IdentityToken
from slipway.hooks.service_probe import ServiceProbeHook
from slipway.release.verification import verify_split

from tests.integration.slipway.hooks.invoker_check import HEADER, InvokerCheck, invoker_check
from tests.integration.slipway.hooks.test_service_probe import RULES
from tests.integration.slipway.hooks.web_service import Web

pytestmark = pytest.mark.sandbox

CONNECTION = "caller"


@pytest.fixture
def guarded(web: Web, monkeypatch: pytest.MonkeyPatch) -> Iterator[InvokerCheck]:
    """The service behind a check, and a connection whose account is admitted."""
    with invoker_check(web.read().uri) as check:
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", check.connection())
        yield check


def test_a_guarded_service_is_verified_by_a_caller_with_an_identity(
    web: Web,
    guarded: InvokerCheck,
) -> None:
    split = {web.name("a"): 90, web.name("b"): 10}
    identity, probe = IdentityToken(CONNECTION), ServiceProbeHook()
    seen = verify_split(
        probe, guarded.url, split, RULES, seconds=RULES.settle_seconds, headers=identity.headers(guarded.url)
    )
    assert (seen["verdict"], guarded.refused) == ("promote", 0)
    strangers = verify_split(probe, guarded.url, split, RULES, seconds=RULES.settle_seconds)
    assert strangers["verdict"] == "rollback"
    assert guarded.refused > 0
    other = identity.headers("https://another-service.run.app")
    assert httpx.get(guarded.url, headers=other, trust_env=False).status_code == 403
    assert list(other) == [HEADER], "the service's own Authorization stays free"


def test_a_token_is_never_sent_in_clear_and_an_anonymous_connection_has_none(
    guarded: InvokerCheck, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(IdentityUnavailable, match="not sent in clear"):
        IdentityToken(CONNECTION).headers("http://netra-backend.example")
    extra = {"project": "p", "is_anonymous": True}
    anonymous = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ANONYMOUS", json.dumps(anonymous))
    assert IdentityToken("anonymous").headers(guarded.url) == {}
    guarded.issuer, guarded.account = guarded.account, guarded.issuer
    with pytest.raises(IdentityUnavailable, match=f"connection {CONNECTION}: no identity token for"):
        IdentityToken(CONNECTION).headers(guarded.url)
