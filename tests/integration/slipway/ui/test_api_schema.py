"""Whatever is asked of the API, it answers as its OpenAPI document says, without an error of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance
from slipway.ledger.ledger import Ledger

from tests.integration.slipway.releases import open_release, roll_back_from_canary
from tests.waiting import BOUND_SECONDS

if TYPE_CHECKING:
    from tests.integration.slipway.ui.conftest import SignedIn

pytestmark = pytest.mark.sandbox

EXAMPLES = 4


@pytest.mark.usefixtures("empty_warehouse")
def test_no_request_finds_an_error_of_the_server(signed_in: SignedIn, ledger: Ledger) -> None:
    release = open_release(ledger, "1.2.0")
    roll_back_from_canary(ledger, release)
    client = signed_in("user")
    headers = dict(client.headers)
    asked: dict[str, Any] = {"headers": headers, "timeout": BOUND_SECONDS}
    schema = schemathesis.openapi.from_asgi("/slipway/api/openapi.json", client.app, **asked)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 10
    statuses: dict[str, set[int]] = {}

    def answered(case: schemathesis.Case[Any]) -> None:
        answer = case.call(**asked)
        case.validate_response(
            answer, checks=[not_a_server_error, status_code_conformance, response_schema_conformance]
        )
        statuses.setdefault(case.path, set()).add(answer.status_code)

    for operation in operations:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            answered(case)
            if "release_id" in case.path_parameters:
                case.path_parameters["release_id"] = release.release_id
                answered(case)

        ask()
    # No drawing is kept.
    unanswered = [path for path, found in statuses.items() if 200 not in found]
    assert unanswered == ["/api/releases/{release_id}/evidence/{phase}/{number}.svg"]
