"""What a release changes in the product's configuration, for the task log, the ledger and whoever approves.

A secret is never shown, and neither is the value of a key that the policy does not know: it may be one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from slipway.policy.configuration import Document

HIDDEN = "(not shown)"
ABSENT = "(absent)"


@dataclass(frozen=True)
class SettingChange:
    """One key of a document whose value changes.

    :param before: what the serving revision reads; ``(absent)`` when it has no such key.
    :param after: what the new one will read.
    :param unit: of both, empty when there is none.
    """

    document: str
    key: str
    before: str
    after: str
    unit: str

    def as_payload(self) -> dict[str, str]:
        """Return plain data for the ledger."""
        return asdict(self)


def parse_payload(data: bytes) -> Mapping[str, Any] | None:
    """Read a document as it is kept in Secret Manager.

    :param data: payload of a version.
    :return: None when it is no JSON object; why not is not told, as the parser's words would carry the text.
    """
    try:
        content = json.loads(data)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def changes(
    name: str, document: Document, running: Mapping[str, Any] | None, *, rolled_back: bool = False
) -> list[SettingChange]:
    """Compare a document with what runs.

    :param name: of the document.
    :param document: as the policy has it.
    :param running: content that the serving revision reads; None when there is none.
    :param rolled_back: compare what a rollback writes.
    """
    return list(_changes(name, document, running or {}, document.content(rolled_back=rolled_back)))


def _changes(
    name: str, document: Document, running: Mapping[str, Any], wanted: Mapping[str, str | bool]
) -> Iterator[SettingChange]:
    for key, value in wanted.items():
        if key not in running or running[key] != value:
            before = _text(running[key]) if key in running else ABSENT
            yield SettingChange(name, key, before, _text(value), document.unit(key))
    for key in running:
        if key not in document.settings:
            yield SettingChange(name, key, HIDDEN, ABSENT, "")


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def table(found: Sequence[Mapping[str, str]]) -> str:
    """Render changes as a Markdown table.

    :param found: changes as :meth:`SettingChange.as_payload` gives them.
    """
    if not found:
        return "No setting changes."
    rows = ["| document | key | now | new | unit |", "|-|-|-|-|-|"]
    columns = ("document", "key", "before", "after", "unit")
    rows += ["| " + " | ".join(_cell(change[column]) for column in columns) + " |" for change in found]
    return "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
