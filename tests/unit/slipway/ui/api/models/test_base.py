"""The models of the answers say what every field means."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError
from slipway.ui.api.models import details, evidence, listing, release, traffic
from slipway.ui.api.models.base import Answer, Problem

MODULES = (details, evidence, listing, release, traffic)
MODELS = [
    found
    for module in MODULES
    for found in vars(module).values()
    if isinstance(found, type) and issubclass(found, Answer) and found is not Answer
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_has_a_description_in_the_document(model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    assert schema["description"]
    silent = [name for name, field in schema["properties"].items() if "description" not in field]
    assert silent == []


def test_an_answer_cannot_be_changed_and_has_no_other_fields() -> None:
    problem = Problem(title="No such release", detail="release v1: was never opened")
    with pytest.raises(ValidationError):
        problem.title = "x"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Problem(title="x", detail="y", hint="z")  # type: ignore[call-arg]
