"""What the policy's queries select, by the PromQL of a real Prometheus."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from slipway.hooks.cloud_run.address import ServiceAddress
from slipway.hooks.metrics.query_text import filled_in, queries
from slipway.policy.release import Policy, load_policy
from slipway.release.address import service_address

from sandbox.databases.prometheus import promtool
from tests.servers import TOOL_SECONDS

pytestmark = pytest.mark.sandbox


def selectors(policy: Policy, service: ServiceAddress) -> set[str]:
    """Every selector of a series in the policy's queries, without the edge of a bucket."""
    texts = [
        filled_in(text, service, ["new"]) for m in policy.metrics.values() for text in queries(m).values()
    ]
    found = {selector for text in texts for selector in re.findall(r"[a-z_:]+\{[^}]*\}", text)}
    return {re.sub(r',le=~?"[^"]*"', "", selector) for selector in found}


def written(metric: str, labels: dict[str, str]) -> str:
    return metric + "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def test_a_service_of_another_project_is_never_counted_and_one_without_the_label_is(tmp_path: Path) -> None:
    policy = load_policy("release.yaml")
    asked = selectors(policy, service_address(policy, "netra-backend-prod"))
    assert len(asked) > 15
    tests = []
    for selector in sorted(asked):
        metric, labels = selector.partition("{")[0], dict(re.findall(r'(\w+)="([^"]*)"', selector))
        labels |= {"revision_name": "new", "response_code": "500"}
        bare = written(metric, labels)
        own, other = (
            written(metric, labels | {"project_id": f"{name}-production"}) for name in ("netra", "other")
        )
        counted = [{"labels": own, "value": 1}, {"labels": bare, "value": 2}]
        tests.append(
            {
                "input_series": [
                    {"series": name, "values": value}
                    for name, value in ((own, "1"), (bare, "2"), (other, "4"))
                ],
                "promql_expr_test": [{"expr": selector, "eval_time": "0m", "exp_samples": counted}],
            }
        )
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"tests": tests}))
    done = subprocess.run(
        [promtool(), "test", "rules", file], capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
