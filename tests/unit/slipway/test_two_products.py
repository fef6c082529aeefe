"""Two products released at once: neither's metrics or page are the other's.

That their locks and messages are their own is in the tests of the ledger and of the team's messages.
"""

from __future__ import annotations

import re

import pytest
from slipway.policy.metrics import expressions
from slipway.policy.release import Policy, load_policy
from slipway.ui import sources


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[Policy]:
    """The product, and the one-service product beside it."""
    monkeypatch.setenv("SLIPWAY_REGISTRY_PORT", "5000")
    return [load_policy("release.yaml"), load_policy("sandbox-rates.yaml")]


def test_every_query_is_of_the_products_own_service_and_revisions(products: list[Policy]) -> None:
    for policy in products:
        others = {
            name
            for other in products
            if other is not policy
            for service in other.services.values()
            for name in service.names.values()
        }
        for name, metric in policy.metrics.items():
            for part, query in expressions(metric).items():
                selected = re.findall(r"\{([^}]*)\}", query)
                assert selected, (name, part)
                for labels in selected:
                    assert 'project_id=~"$project|"' in labels, (name, part)
                    assert 'service_name="$service"' in labels, (name, part)
                    assert 'revision_name=~"$revisions"' in labels, (name, part)
                assert not any(other in query for other in others), (name, part)


def test_the_page_of_a_product_without_kpis_says_so_and_asks_nobody(products: list[Policy]) -> None:
    read = sources.read_targets(products[1].name)
    assert read.rows == ()
    assert read.trouble == "exchange-rates has no KPIs: include/kpi/rollup.yaml names no source of it."
