"""The stand-in refuses what Cloud Run's documented limits refuse."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import run_v2

from sandbox.cloud.api_errors import InvalidArgumentError
from sandbox.cloud.run.services import ServiceStore


def create(**changes: Any) -> Any:
    """Create a service whose template, or itself, has these fields besides."""
    service = {name: changes.pop(name) for name in ("labels", "annotations") if name in changes}
    env = changes.pop("env", [])
    container = run_v2.Container(image="i:1", env=[run_v2.EnvVar(**variable) for variable in env])
    template = run_v2.RevisionTemplate(containers=[container], **changes)
    parent = "projects/p/locations/l"
    return ServiceStore().create(parent, "svc", run_v2.Service(template=template, **service)).service


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {"Team": "x"}}, "labels: 'Team'='x': keys and values are at most 63 lowercase"),
        ({"labels": {"team": "A"}}, "'team'='A'"),
        ({"labels": {"1st": ""}}, "a key begins with a letter"),
        ({"labels": {"k" * 64: ""}}, "at most 63"),
        ({"labels": {"k": "v" * 64}}, "at most 63"),
        ({"labels": {f"k{number}": "" for number in range(65)}}, "labels: 65 labels; at most 64"),
        ({"annotations": {"a b": ""}}, "annotations: 'a b': a name is at most 63"),
        ({"annotations": {"a" * 64: ""}}, "at most 63"),
        ({"annotations": {"a": "x" * 262144}}, "262145 bytes; at most 262144"),
        ({"env": [{"name": "X_GOOGLE_A"}]}, "reserved env names were provided: X_GOOGLE_A"),
        ({"env": [{"name": "A=B"}]}, "'A=B' is not the name of a variable"),
        ({"env": [{"name": ""}]}, "'' is not the name"),
        ({"env": [{"name": "A", "value": "é" * 16385}]}, "the value of A is over 32768 bytes"),
        ({"env": [{"name": f"V{n}"} for n in range(1001)]}, "1001 variables; at most 1000"),
        ({"env": [{"name": "A"}, {"name": "A"}]}, "A given more than once"),
        ({"scaling": {"min_instance_count": 3, "max_instance_count": 2}}, "3 is above max_instance_count 2"),
        ({"scaling": {"min_instance_count": 101}}, "101 is above max_instance_count 100"),
        ({"max_instance_request_concurrency": 1001}, "1001: must be between 1 and 1000"),
        ({"timeout": {"seconds": 3601}}, "timeout 3601 s: must be between 1 and 3600"),
    ],
)
def test_over_a_limit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        create(**changes)


def test_at_the_limits_passes() -> None:
    service = create(
        labels={"équipe": "números_1-2", "k" * 63: "v" * 63},
        annotations={"example.com/" + "A" * 63: "x" * 1000},
        env=[{"name": "A", "value": "é" * 16384}],
        scaling={"min_instance_count": 2, "max_instance_count": 2},
        max_instance_request_concurrency=1000,
        timeout={"seconds": 3600},
    )
    assert service.labels["équipe"] == "números_1-2"
