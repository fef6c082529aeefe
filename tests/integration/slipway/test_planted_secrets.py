"""Secrets that are planted where a release works with them are found nowhere that people read."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from airflow.sdk import BaseHook
from slipway.hooks.cloud_run.hook import SecretVersion
from slipway.hooks.metrics.promql import PromQLHook
from slipway.ledger.entries import TeamNotReached
from slipway.ledger.store import LedgerStore
from slipway.operators.closing import CloseRolledBackOperator
from slipway.operators.deploy import DeployRevisionsOperator
from slipway.operators.preflight import OpenReleaseOperator
from slipway.operators.rollback import RollBackTrafficOperator
from slipway.operators.traffic import ShiftTrafficOperator
from slipway.release.report.content import report_of

from tests.database_text import rows_of
from tests.integration.slipway.hooks.web_service import PROJECT
from tests.integration.slipway.operators.conftest import Product, product, steps
from tests.integration.slipway.operators.steps import DOCUMENT, Steps
from tests.integration.slipway.ui.conftest import airflow_users, reader, root, signed_in

if TYPE_CHECKING:
    from starlette.testclient import TestClient

__all__ = ["airflow_users", "product", "reader", "root", "signed_in", "steps"]

pytestmark = pytest.mark.sandbox


class Planted:
    """Secrets by where they are planted.

    :param monkeypatch: changes the connections.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by_place = {
            name: f"planted-{secrets.token_hex(12)}"
            for name in ("metrics", "team", "google", "secret manager")
        }
        self.by_place["ledger"] = str(BaseHook.get_connection("slipway_ledger").password)
        connections = {
            "PROMQL": {
                "conn_type": "http",
                "host": "http://127.0.0.1:9",
                "password": self.by_place["metrics"],
            },
            # A channel that is not there: its error has an address with the token in it.
            "TEAM": {
                "conn_type": "apprise",
                "extra": {
                    "config": {"path": f"json://{self.by_place['team']}@127.0.0.1:9/{self.by_place['team']}"}
                },
            },
        }
        for name, connection in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_SLIPWAY_{name}", json.dumps(connection))
        extra = BaseHook.get_connection("google_cloud_default").extra_dejson
        google = {
            "conn_type": "google_cloud_platform",
            "password": self.by_place["google"],
            "extra": extra,
        }
        monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(google))

    def in_texts(self, texts: dict[str, str]) -> list[str]:
        """Return where which secret stands."""
        return [
            f"the secret of {place} in {where}"
            for place, secret in self.by_place.items()
            for where, text in texts.items()
            if secret in text
        ]


@pytest.fixture
def planted(product: Product, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """Planted before the release is opened; the service that serves mounts one of them."""
    made = Planted(monkeypatch)
    secret = f"{product.prefix}-database-password"
    product.secrets.add_version(
        project_id=PROJECT, secret=secret, data=made.by_place["secret manager"].encode()
    )
    mounted = {
        "FEATURE_FLAGS": SecretVersion(product.secret, "1"),
        "DATABASE_PASSWORD": SecretVersion(secret, "1"),
    }
    product.web.deploy("planted", secrets=mounted)
    product.web.shift({"planted": 100})
    return made


def test_a_planted_secret_is_found_nowhere(
    steps: Steps,
    planted: Planted,
    ledger_database: str,
    reader: TestClient,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    product, left, rendered = steps.product, list[Any](), list[Any]()

    def run(operator: Any) -> None:
        left.append(steps.run(operator))
        rendered.append({name: repr(getattr(operator, name)) for name in operator.template_fields})

    with structlog.testing.capture_logs() as logged:
        run(OpenReleaseOperator(task_id="open_release", validated=steps.validated))
        steps.note_configuration()
        run(DeployRevisionsOperator(task_id="deploy_revisions", environment="production"))
        run(ShiftTrafficOperator(task_id="shift_traffic", phase="canary"))
        run(RollBackTrafficOperator(task_id="roll_back_traffic"))
        run(CloseRolledBackOperator(task_id="close_release"))
        wrong = [_error(lambda: PromQLHook(attempts=1).query("up")), _error(_ledger_with_wrong_host)]
    release, record = product.ledger.release(steps.release_id), product.ledger.entries(steps.release_id)
    out, err = capfd.readouterr()
    texts = {
        "the log": repr(logged) + caplog.text + out + err,
        "an XCom": repr(left),
        "a rendered template": repr(rendered),
        "an error": repr(wrong),
        "the ledger": rows_of(ledger_database),
        "the report": report_of(release, record, {}).model_dump_json(),
        "the page and its API": "".join(
            reader.get(f"/slipway/{path}").text
            for path in ("api/releases", f"api/releases/{steps.release_id}", f"releases/{steps.release_id}")
        ),
        "the service's own environment": repr(product.web.read())
        + repr(product.web.hook.get_revision(product.web.address, steps.revision)),
    }
    assert planted.in_texts(texts) == []
    # The search itself finds what stands there, and the secrets were in use.
    assert {where for where, text in texts.items() if not text} == set()
    assert list(record.of_kind(TeamNotReached)), "the team's channel failed"
    assert "DATABASE_PASSWORD" in texts["the service's own environment"]
    assert DOCUMENT in texts["the ledger"]


def _error(call: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is, its words count
        call()
    return f"{caught.value!r} {caught.value.__cause__!r}"


def _ledger_with_wrong_host() -> None:
    store = LedgerStore()
    connection = store.hook.connection
    connection.port = 9
    with store.transaction():
        pass
