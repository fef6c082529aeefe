"""Just enough of ClickHouse's grammar to route a statement: is it a read, where does its data begin?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from sandbox.databases.clickhouse.errors import QueryError

_TOKEN = re.compile(
    rb"""
      (?P<blank>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?\*/)
    | (?P<quoted>'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_QUESTIONS = {b"SHOW", b"DESCRIBE", b"DESC", b"EXISTS", b"EXPLAIN", b"CHECK"}
_FORMATS_OF_INDEPENDENT_CHUNKS = {
    "native", "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "csv", "jsoneachrow", "jsoncompacteachrow",
    "rowbinary",
}  # fmt: skip


class Kind(Enum):
    """How a statement is run."""

    SELECT = "select"
    QUESTION = "question"
    INSERT_DATA = "insert data"
    SETTING = "setting"
    WRITE = "write"


@dataclass(frozen=True)
class Statement:
    """One statement, split from the rows that follow it.

    :param text: the SQL to run; for ``INSERT_DATA`` without ``FORMAT name`` or ``VALUES``.
    :param format: the format the statement names, or None.
    :param data: for ``INSERT_DATA`` the rows that came in the same bytes as the statement.
    """

    kind: Kind
    text: str
    format: str | None = None
    data: bytes = b""

    def streams(self, default_format: str) -> bool:
        """Whether the result may be sent block by block: a SELECT in a format without header or footer."""
        return self.kind is Kind.SELECT and (
            (self.format or default_format).lower() in _FORMATS_OF_INDEPENDENT_CHUNKS
        )


@dataclass(frozen=True)
class _Token:
    text: bytes
    is_word: bool
    start: int
    end: int
    depth: int

    def is_keyword(self, *keywords: bytes) -> bool:
        return self.is_word and self.depth == 0 and self.text.upper() in keywords


def _tokens(sql: bytes) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(sql):
        if match.lastgroup == "blank":
            continue
        text = match.group()
        if text == b")":
            depth -= 1
        yield _Token(text, match.lastgroup == "word", match.start(), match.end(), depth)
        if text == b"(":
            depth += 1


def _text(sql: bytes) -> str:
    try:
        return sql.decode()
    except UnicodeDecodeError as error:
        raise QueryError.named(62, "SYNTAX_ERROR", f"the query is not UTF-8: {error}") from error


def _insert(sql: bytes, tokens: Iterator[_Token]) -> Statement | None:
    """Split an INSERT with rows; None when the rows come from a SELECT, or are VALUES inside the text."""
    previous: _Token | None = None
    for token in tokens:
        if token.is_keyword(b"SELECT", b"WITH", b"INFILE"):
            return None
        if token.is_keyword(b"VALUES"):
            rows = sql[token.end :]
            if rows.strip():
                return None
            return Statement(Kind.INSERT_DATA, _text(sql[: token.start]), "Values")
        if previous is not None and previous.is_keyword(b"FORMAT") and token.is_word:
            # After the name: spaces, then at most one line break, belong to the statement.
            skipped = re.compile(rb"[ \t]*;?(?:\r?\n)?").match(sql, token.end)
            begin = skipped.end() if skipped else token.end
            name = _text(token.text)
            return Statement(Kind.INSERT_DATA, _text(sql[: previous.start]), name, sql[begin:])
        previous = token
    return None


def _trailing_format(tokens: list[_Token]) -> str | None:
    """The name in a final ``FORMAT name``, which only SETTINGS may follow."""
    for position in range(len(tokens) - 2, -1, -1):
        token, name = tokens[position : position + 2]
        if token.is_keyword(b"FORMAT") and name.is_word:
            after = tokens[position + 2 :]
            if not after or after[0].is_keyword(b"SETTINGS"):
                return name.text.decode()
    return None


def parse(sql: bytes) -> Statement:
    """Read one statement, and the beginning of its rows if it is an INSERT with rows.

    :param sql: the statement.
    :raises QueryError: 62 when it is empty, is not UTF-8, or a second statement follows.
    """
    stream = _tokens(sql)
    first = next(stream, None)
    if first is None:
        raise QueryError.named(62, "SYNTAX_ERROR", "Empty query")
    if first.is_keyword(b"INSERT"):
        insert = _insert(sql, stream)
        if insert is not None:
            return insert
        # VALUES may hold any number of semicolons in a format the engine itself reads.
        return Statement(Kind.WRITE, _text(sql))
    tokens = [first, *stream]
    while tokens and tokens[-1].text == b";":
        tokens.pop()
    for token in tokens:
        if token.text == b";":
            message = f"Syntax error (Multi-statements are not allowed): failed at position {token.start + 1}"
            raise QueryError.named(62, "SYNTAX_ERROR", message)
    text = _text(sql[: tokens[-1].end]) if tokens else ""
    if first.is_keyword(b"SET", b"USE"):
        return Statement(Kind.SETTING, text)
    leading = next((token for token in tokens if token.text != b"("), first)
    return Statement(_kind(leading.text.upper(), tokens), text, _trailing_format(tokens))


def _kind(verb: bytes, tokens: list[_Token]) -> Kind:
    if verb in _QUESTIONS:
        return Kind.QUESTION
    if verb == b"SELECT" or (verb == b"WITH" and not any(token.is_keyword(b"INSERT") for token in tokens)):
        return Kind.SELECT
    return Kind.WRITE
