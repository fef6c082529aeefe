"""What Cloud Run would refuse is refused when the policy is read, with what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from slipway.exceptions import PolicyError
from slipway.policy.release import Policy, load_policy, parse_policy

Change = Callable[[dict[str, Any]], object]


def named(name: str) -> Change:
    return lambda document: document["services"]["backend"]["names"].update(production=name)


def asked_at(path: str) -> Change:
    return lambda document: document["verification"].update(path=path)


def variable(name: str) -> Change:
    return lambda document: document["services"]["backend"]["env"].update({name: "1"})


def load(change: Change, folder: Path) -> Policy:
    document = load_policy("release.yaml").model_dump(mode="json")
    change(document)
    (folder / "x.yaml").write_text(yaml.safe_dump(document))
    # A policy on record is read again although nothing could be released by it.
    assert parse_policy(document, source="on record").name == "token-optimization"
    return load_policy("x.yaml", directory=folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            named("Netra_Backend"),
            r"services.backend.names.production=Netra_Backend: must be at most 49",
        ),
        (named("netra-backend-"), "not end with a hyphen"),
        (named("b" * 43), "=b{43}: must be at most 37 characters, which with the tag candidate are 46"),
        (named("b" * 50), "must be at most 49 lowercase"),
        (variable("PORT"), "services.backend: the variable PORT is set by Cloud Run; take it out"),
        *(
            (asked_at(path), r"verification.path=/.*: must not be a path that Cloud Run answers itself")
            for path in ("/healthz", "/eventlog", "/_ah/health", "/quiz", "/healthz?deep=1")
        ),
    ],
)
def test_what_cloud_run_refuses_is_refused_with_what_is_allowed(
    tmp_path: Path, change: Change, message: str
) -> None:
    with pytest.raises(PolicyError, match=f"policy x.yaml: .*{message}"):
        load(change, tmp_path)


def test_names_at_the_limit_pass(tmp_path: Path) -> None:
    assert load(named("b" * 37), tmp_path).services["backend"].names["production"] == "b" * 37
