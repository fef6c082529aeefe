"""A promoted release is closed first, and then its deployment checklist is put on record."""

from __future__ import annotations

import pytest
from slipway.ledger.entries import DeploymentChecked
from slipway.operators.closing import ClosePromotedOperator
from slipway.operators.configuration import WriteConfigurationOperator
from slipway.operators.deploy import DeployRevisionsOperator

from tests.integration.slipway.operators.conftest import Product

pytestmark = pytest.mark.sandbox


def test_the_checklist_tells_what_the_services_show(product: Product) -> None:
    release = product.open()
    WriteConfigurationOperator(task_id="write", environment="production").execute(product.context)
    DeployRevisionsOperator(task_id="deploy", environment="production").execute(product.context)
    close = ClosePromotedOperator(task_id="close_promoted")
    assert close.execute(product.context) == close.execute(product.context) == "every phase was promoted"
    assert product.ledger.release(release.release_id).outcome == "promoted"
    entry = product.ledger.get(release.release_id, DeploymentChecked)
    assert entry is not None
    found = {line.title: (line.passed, line.reason) for line in entry.lines}
    service = product.web.address.service
    assert found["Monitoring alerts configured"][0]
    assert found["All services healthy"] == (True, f"{service} are ready")
    # The traffic was never moved: promoted or not, the list says what is.
    assert found["Full traffic migration successful"] == (
        False,
        f"not on the new revision alone: {service}",
    )
    keys = [entry.key for entry in product.ledger.entries(release.release_id)]
    assert keys.index("closed") < keys.index("checklist/deployment")
