"""The form offers every field that a request may have, safe without a choice."""

from __future__ import annotations

import pytest
from airflow.sdk.definitions.param import ParamsDict
from slipway.operators.preflight import REQUEST_FIELDS
from slipway.policy.files import policy_names
from slipway.release.form import regions_form, release_form


def test_the_form_has_the_fields_of_a_request() -> None:
    assert set(release_form()) == set(REQUEST_FIELDS)
    assert set(regions_form()) == set(REQUEST_FIELDS) - {"follows"}


@pytest.mark.parametrize("form", [release_form, regions_form])
def test_a_version_alone_is_enough_and_everything_else_is_an_ordinary_release(form: object) -> None:
    params = ParamsDict(dict(form()))  # type: ignore[operator]
    params["version"] = "1.4.2"
    filled = params.validate()
    assert {name: value for name, value in filled.items() if value} == {
        "version": "1.4.2",
        "policy": "release.yaml",
    }


def test_every_field_has_a_title_and_says_what_it_does() -> None:
    for name, field in {**release_form(), **regions_form()}.items():
        assert field.schema["title"], name
        assert field.description, name


def test_the_environment_names_the_policy_that_is_chosen_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_POLICY", "demo.yaml")
    assert release_form()["policy"].value == "demo.yaml"
    assert release_form()["policy"].schema["enum"] == policy_names()
