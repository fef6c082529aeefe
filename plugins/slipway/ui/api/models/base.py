"""What every answer has in common."""

from __future__ import annotations

import inspect
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema

#: How it stands with a release: ``waiting`` for an answer at a gate, ``on_hold``: a bake needs a decision.
State = Literal["running", "waiting", "on_hold", "rolling_back", "lost", "promoted", "rolled_back", "refused"]
#: The phases of a release in their order.
StepName = Literal["staging", "preparation", "canary", "half", "full"]
#: How it stands with a phase.
StepState = Literal["pending", "running", "waiting", "passed", "failed", "inherited", "not_reached"]
VerdictName = Literal["promote", "hold", "rollback"]


class Answer(BaseModel):
    """Base of the answers and their parts. Moments are ISO 8601 in UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        """Return the JSON schema with what the docstring says of the model and of each field."""
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        text, *fields = re.split(r"^:param (\w+): ", inspect.cleandoc(cls.__doc__ or ""), flags=re.MULTILINE)
        schema["description"] = _plain(text)
        for name, said in zip(fields[::2], fields[1::2], strict=True):
            schema["properties"][name]["description"] = _plain(said)
        return reference


class Problem(Answer):
    """An answer that is not what was asked for.

    :param title: what is wrong, in a few words.
    :param detail: what is wrong and what to do, in a sentence.
    """

    title: str
    detail: str


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").split())
