"""The files of a policy: a document, those that it extends, the defaults, and its configuration documents."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from slipway.exceptions import PolicyError
from slipway.paths import INCLUDE
from slipway.policy.configuration import Document
from slipway.policy.errors import describe
from slipway.yaml_text import parse_yaml

POLICY_DIRECTORY = INCLUDE / "policy"
DEFAULTS = "defaults.yaml"
#: Ends the name of a part whose defaults are for the policies that have the part.
_WHERE_PRESENT = "?"
# A release policy says its phases, or which policy it extends.
_OF_A_RELEASE = re.compile(r"^(phases|extends):", re.MULTILINE)


def policy_names() -> list[str]:
    """Names of the release policies in ``include/policy``, for the trigger form."""
    return sorted(
        path.name for path in POLICY_DIRECTORY.glob("*.yaml") if _OF_A_RELEASE.search(path.read_text())
    )


@dataclass(frozen=True)
class Layer:
    """One file of a policy.

    :param name: of the file.
    :param content: what it states.
    """

    name: str
    content: Mapping[str, Any]

    def states(self, path: Sequence[str]) -> bool:
        """Return whether the file states a value.

        :param path: keys from the top of the policy down to the value.
        """
        inner: Any = self.content
        for key in path:
            if not isinstance(inner, Mapping):
                return False
            inner = inner.get(key, inner.get(f"{key}{_WHERE_PRESENT}", _ABSENT))
        return inner is not _ABSENT


_ABSENT = object()


def read_layers(name: str, directory: Path) -> list[Layer]:
    """Read a policy file, those that it extends, and the defaults, in this order.

    :param name: file name in ``directory``.
    :param directory: where policies are.
    :raises PolicyError: when a file is missing or is not YAML, or a configuration document is wrong.
    """
    layers: list[Layer] = []
    following: str | None = name
    while following is not None:
        document = _read(following, directory)
        base = document.pop("extends", None)
        layers.append(Layer(following, document))
        if base in (layer.name for layer in layers):
            raise PolicyError(f"policy {following}: extends={base}: which extends this file itself")
        following = base
    # The defaults are Slipway's, wherever a policy lies.
    return [*layers, Layer(DEFAULTS, _read(DEFAULTS, POLICY_DIRECTORY))]


def read_document(name: str, directory: Path) -> dict[str, Any]:
    """Read a policy file laid over those that it extends and over the defaults.

    :param name: file name in ``directory``.
    :param directory: where policies are.
    :raises PolicyError: when a file is missing or is not YAML, or a configuration document is wrong.
    """
    *layers, defaults = read_layers(name, directory)
    document: dict[str, Any] = {}
    for layer in reversed(layers):
        document = _overlaid(document, layer.content)
    return _without_nulls(_filled(document, defaults.content))


def _read(name: str, directory: Path) -> dict[str, Any]:
    path = directory / name
    if path.parent != directory or not path.is_file():
        raise PolicyError(f"policy {name}: no such file; have {', '.join(policy_names())}")
    document = _parsed(name, _with_environment(name, path.read_text()))
    if not isinstance(document, dict):
        raise PolicyError(f"policy {name}: must be a mapping at the top")
    if isinstance(folder := document.get("configuration"), str):
        document["configuration"] = read_documents(directory / folder)
    synthetic = document.get("synthetic_requests")
    if isinstance(synthetic, dict) and isinstance(journey := synthetic.get("journey"), str):
        synthetic["journey"] = _read_journey(directory / journey)
    return document


def _read_journey(path: Path) -> Any:
    if not path.is_file():
        raise PolicyError(f"policy synthetic_requests.journey: {path.name}: no such file in {path.parent}")
    return _parsed(path.name, path.read_text())


def _parsed(name: str, text: str) -> Any:
    try:
        return parse_yaml(text)
    except yaml.YAMLError as error:
        raise PolicyError(f"policy {name}: not YAML: {' '.join(str(error).split())}") from error


def read_documents(directory: Path) -> dict[str, Any]:
    """Read and check every document of a folder.

    :param directory: folder of ``<document>.yaml`` files.
    :return: plain data by document name.
    :raises PolicyError: with one line for every field that is wrong, or when there is no document.
    """
    documents: dict[str, Any] = {}
    wrong: list[str] = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            documents[path.stem] = _parsed(f"{directory.name}/{path.name}", path.read_text())
            Document.model_validate(documents[path.stem])
        except PolicyError as error:
            wrong.append(str(error))
        except ValidationError as error:
            wrong += [f"policy {directory.name}/{path.name}: {line}" for line in describe(error)]
    if wrong:
        raise PolicyError("\n".join(wrong))
    if not documents:
        raise PolicyError(f"policy {directory.name}/: no configuration document (*.yaml) in this folder")
    return documents


def _with_environment(name: str, text: str) -> str:
    try:
        return _Braced(text).substitute(os.environ)
    except KeyError as error:
        raise PolicyError(f"policy {name}: environment variable {error.args[0]} is not set") from error


class _Braced(string.Template):
    """Only ``${NAME}``: a bare ``$name`` belongs to the metric queries."""

    pattern = r"\$\{(?P<braced>[A-Z_][A-Z0-9_]*)\}|(?P<escaped>(?!))|(?P<named>(?!))|(?P<invalid>(?!))"  # type: ignore[assignment]


def _overlaid(base: dict[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in overlay.items():
        inner = merged.get(key)
        merged[key] = (
            _overlaid(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
        )
    return merged


def _filled(document: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with the defaults of what it leaves out, in the order of the document."""
    filled = dict(document)
    for key, value in defaults.items():
        name = key.removesuffix(_WHERE_PRESENT)
        if name not in filled:
            if name == key:
                filled[name] = _filled({}, value) if isinstance(value, dict) else value
        elif isinstance(filled[name], dict) and isinstance(value, dict):
            filled[name] = _filled(filled[name], value)
    return filled


def _without_nulls(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without what it sets to null, which is how a policy takes a default away."""
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in document.items()
        if value is not None
    }
