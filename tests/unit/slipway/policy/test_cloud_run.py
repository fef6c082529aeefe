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


def valued(name: str, value: str) -> Change:
    return lambda document: document["services"]["backend"]["env"].update({name: value})


def placed(**fields: Any) -> Change:
    return lambda document: document["environments"]["production"].update(fields)


def many(count: int) -> Change:
    return lambda document: document["services"]["backend"]["env"].update(
        {f"V{number}": "" for number in range(count)}
    )


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
        (variable("X_GOOGLE_PROJECT"), "the variable X_GOOGLE_PROJECT is set by Cloud Run"),
        (variable("A=B"), "the variable 'A=B' must have a name without ="),
        (variable(""), "the variable '' must have a name"),
        (valued("BIG", "é" * 16385), "the variable BIG has 32770 bytes; at most 32768 are allowed"),
        (variable("PRICING_CONFIG"), "the variable PRICING_CONFIG is in env and comes from secrets too"),
        (variable("PRICING_CONFIG_REFERENCE"), "PRICING_CONFIG_REFERENCE is in env and comes from secrets"),
        (many(1000), "1007 variables, with a reference beside every secret; at most 1000 are allowed"),
        (placed(tag="candidate-"), "environments.production.tag=candidate-: must be lowercase"),
        (placed(project_id="Netra"), "environments.production.project_id=Netra: must be 6 to 30 lowercase"),
        (
            placed(database={"instance": "i" * 90, "connection": "c"}),
            "environments.production.database.instance=i{90}: must be lowercase .* at most 98 characters",
        ),
        (
            placed(secret_prefix="p" * 240),
            "environments.production.secret_prefix: the secret p{100} must be at most 255 letters",
        ),
        (
            lambda document: document.update(staging_min_instances=101),
            "services.backend.max_instances=100: must be at least 101, which is staging_min_instances",
        ),
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
