"""The files of a policy: a document, the one that it extends, and its configuration documents."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from slipway.exceptions import PolicyError
from slipway.paths import INCLUDE
from slipway.policy.configuration import Document
from slipway.policy.errors import describe

POLICY_DIRECTORY = INCLUDE / "policy"
# A release policy says its phases, or which policy it extends.
_OF_A_RELEASE = re.compile(r"^(phases|extends):", re.MULTILINE)


def policy_names() -> list[str]:
    """Names of the release policies in ``include/policy``, for the trigger form."""
    return sorted(
        path.name for path in POLICY_DIRECTORY.glob("*.yaml") if _OF_A_RELEASE.search(path.read_text())
    )


def read_document(name: str, directory: Path) -> dict[str, Any]:
    """Read a policy file laid over the one that it extends, with the configuration documents that it names.

    :param name: file name in ``directory``.
    :param directory: where policies are.
    :raises PolicyError: when a file is missing or is not YAML, or a configuration document is wrong.
    """
    path = directory / name
    if path.parent != directory or not path.is_file():
        raise PolicyError(f"policy {name}: no such file; have {', '.join(policy_names())}")
    try:
        document = yaml.safe_load(_with_environment(name, path.read_text()))
    except yaml.YAMLError as error:
        raise PolicyError(f"policy {name}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise PolicyError(f"policy {name}: must be a mapping at the top")
    if isinstance(folder := document.get("configuration"), str):
        document["configuration"] = read_documents(directory / folder)
    base = document.pop("extends", None)
    return document if base is None else _overlaid(read_document(base, directory), document)


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
            documents[path.stem] = yaml.safe_load(path.read_text())
            Document.model_validate(documents[path.stem])
        except yaml.YAMLError as error:
            wrong.append(f"policy {directory.name}/{path.name}: not YAML: {' '.join(str(error).split())}")
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
