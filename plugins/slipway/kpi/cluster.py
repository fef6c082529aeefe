"""The same schema on a cluster: what changes in a statement when ClickHouse is more than one server.

A connection whose extra names a ``cluster`` gets replicated tables everywhere (``ON CLUSTER``,
``ReplicatedMergeTree`` under ClickHouse's default path with the table's UUID), and beside every table that
keeps days a ``Distributed`` one, ``<table>_all``, that reads all shards. The rollup's own statements stay as
they are: they name local tables, and ClickHouse carries a replaced partition to the replicas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

ALL = "_all"
_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)
# A definition's head up to the name, such as CREATE TABLE IF NOT EXISTS usage_fact.
_HEAD = re.compile(
    r"(?P<verb>CREATE(?: OR REPLACE)? (?:TABLE|VIEW)(?: IF NOT EXISTS)?|(?:ALTER|DROP) TABLE(?: IF EXISTS)?)"
    r"\s+(?P<table>\w+)"
)
_ENGINE = re.compile(r"\bENGINE\s*=\s*(\w*MergeTree)\b")
_KEEPS_DAYS = re.compile(r"CREATE TABLE[^;]*?\s(\w+)\s*\([^;]*?PARTITION BY", re.DOTALL)


@dataclass(frozen=True)
class Cluster:
    """A cluster of ClickHouse's ``remote_servers``.

    :param name: its name there.
    :param published: tables that keep days, which readers see over all shards.
    """

    name: str
    published: frozenset[str]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"cluster={self.name!r} of the ClickHouse connection is not a plain name")

    @classmethod
    def of(cls, name: str, definitions: Iterable[str]) -> Cluster:
        """Find the tables that keep days.

        :param definitions: the migrations' statements.
        :raises ValueError: when the name is none.
        """
        found = (_KEEPS_DAYS.search(_without_comments(text)) for text in definitions)
        return cls(name, frozenset(match[1] for match in found if match))

    def statements(self, sql: str) -> list[str]:
        """Return what a definition for one server becomes here: itself on every server, and one for readers.

        :raises ValueError: when it is no definition that is known here: it must not run on one server alone.
        """
        text = _without_comments(sql).strip()
        head = _HEAD.match(text)
        if head is None:
            raise ValueError(f"not a definition that a cluster can take: {text.splitlines()[0]}")
        verb, table = head["verb"], head["table"]
        rest = text[head.end() :]
        replicated = _ENGINE.sub("ENGINE = Replicated\\1", rest)
        everywhere = f"ON CLUSTER '{self.name}'"
        made = [f"{verb} {table} {everywhere}{replicated}"]
        if table in self.published and verb.startswith("CREATE TABLE"):
            made.append(
                f"{verb} {table}{ALL} {everywhere} AS {table} "
                f"ENGINE = Distributed('{self.name}', currentDatabase(), '{table}')"
            )
        elif table in self.published:
            made.append(f"{verb} {table}{ALL} {everywhere}{rest}")
        return made


def _without_comments(sql: str) -> str:
    return "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))
