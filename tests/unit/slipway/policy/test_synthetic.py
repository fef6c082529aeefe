"""Synthetic requests are counted apart from those of users, or the policy is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from slipway.exceptions import PolicyError
from slipway.policy.files import POLICY_DIRECTORY
from slipway.policy.release import Policy, load_policy, parse_policy

from bench.analysis.synthetic import with_synthetic


def policy(**changed: Any) -> Policy:
    document = with_synthetic(load_policy("release.yaml"), rate=1).model_dump(mode="json")
    for path, value in changed.items():
        *keys, last = path.split("__")
        inner = document
        for key in keys:
            inner = inner[key]
        inner[last] = value
    return parse_policy(document, source="x")


def test_a_promotion_needs_less_of_users_requests_beside_the_synthetic_ones() -> None:
    made = policy()
    needed = {key: made.promotion_evidence(key) for key in made.metrics}
    assert needed["error_rate"] == needed["latency_p95"] == 10
    assert needed["synthetic_error_rate"] == needed["cost_accuracy"] == 20
    assert made.synthetic_rates == {"synthetic_error_rate": 1, "synthetic_latency_p95": 1}
    assert load_policy("release.yaml").promotion_evidence("error_rate") == 20


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("metrics__error_rate__total", "requests{a=\"b\"}", "add synthetic!=\"true\" or synthetic=\"false\""),
        ("metrics__synthetic_error_rate__bad", "errors{synthetic!=\"true\"}", "add synthetic=\"true\", so"),
        ("synthetic_requests__metrics", {"error_rate": "no"}, "no: must be a metric of kind share or quan"),
        ("synthetic_requests__metrics", {"memory": "memory"}, "memory: must be a metric of kind share or"),
        ("traffic_share__request_metric", "synthetic_error_rate", "synthetic requests count as traffic of"),
        ("synthetic_requests__requests_per_second", 6, "requests_per_second"),
        ("synthetic_requests__promotion_evidence", 2, "promotion_evidence"),
        ("synthetic_requests__journey", [], "journey"),
    ],
)  # fmt: skip
def test_what_would_mix_them_up_is_refused(path: str, value: Any, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(**{path: value})
    assert message in str(caught.value)


def test_a_password_goes_to_no_address_in_clear() -> None:
    with pytest.raises(PolicyError, match="not sent in clear to http://a"):
        policy(synthetic_requests__connection="c", services__backend__url="http://a")


def test_the_journey_is_a_file_beside_the_policy(tmp_path: Path) -> None:
    shutil.copytree(POLICY_DIRECTORY / "configuration", tmp_path / "configuration")
    text = (POLICY_DIRECTORY / "release.yaml").read_text()
    (tmp_path / "x.yaml").write_text(f"{text}\nsynthetic_requests: {{journey: j.yaml}}\n")
    with pytest.raises(PolicyError, match=r"synthetic_requests.journey: j.yaml: no such file"):
        load_policy("x.yaml", directory=tmp_path)
    (tmp_path / "j.yaml").write_text("- {path: costs}\n")
    with pytest.raises(PolicyError, match=r"synthetic_requests.journey\[0\].path=costs"):
        load_policy("x.yaml", directory=tmp_path)
