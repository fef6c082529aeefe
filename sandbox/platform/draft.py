"""A prompt on its way to fewer tokens: its sentences, what they cost, and how far the goal is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sandbox.platform.tokens import count, count_sentence

SHORTEST_REPEATED_SENTENCE = 20

_FENCE = re.compile(r"(```.*?(?:```|\Z))", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[.!?])[ \t]+|[ \t]*\n\s*")
_SPACES = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")
_LINE_ENDS = re.compile(r"(?<![ \t])[ \t]+(?=\n)")
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(slots=True)
class _Piece:
    text: str
    verbatim: bool = False


class Draft:
    """A prompt with its space tidied, to be edited until ``met``.

    Code between fences stays as it is.

    :param prompt: the text as it came.
    :param goal: tokens to get down to.
    """

    def __init__(self, prompt: str, goal: int) -> None:
        self._pieces = list(_split(prompt))
        self._goal = goal
        self._estimate = count(self.text)

    @property
    def text(self) -> str:
        """The prompt as edited so far."""
        return "".join(piece.text for piece in self._pieces)

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self._estimate <= self._goal

    def drop_repeated(self, *, exceed: bool) -> None:
        """Drop sentences that were there before, one by one, until the goal is met.

        :param exceed: whether a sentence may go that is longer than what is still to be cut.
        """
        seen: set[str] = set()
        before = ""
        for piece in self._pieces:
            key = " ".join(piece.text.lower().split())
            saving = count_sentence(piece.text) if key in seen else 0
            if saving and not self.met and (exceed or saving <= self._estimate - self._goal):
                # Two paragraphs must not grow together when the sentence between them goes.
                piece.text = "\n" if "\n" in piece.text and not before.endswith("\n") else ""
                self._saved(saving)
            elif not piece.verbatim and len(key) >= SHORTEST_REPEATED_SENTENCE:
                seen.add(key)
            before = piece.text or before

    def edit(self, change: Callable[[str], str]) -> None:
        """Apply a change to one sentence after the other, where it saves tokens, until the goal is met."""
        for piece in self._pieces:
            if self.met:
                return
            if piece.verbatim:
                continue
            text = change(piece.text)
            if piece.text[:1].isupper() and text[:1].islower():
                text = text[0].upper() + text[1:]
            saving = count_sentence(piece.text) - count_sentence(text)
            if saving > 0:
                piece.text = text
                self._saved(saving)

    def _saved(self, tokens: int) -> None:
        self._estimate -= tokens
        if self.met:
            # Savings per sentence are only nearly exact, because tokens can span a boundary.
            self._estimate = count(self.text)


def _split(prompt: str) -> Iterator[_Piece]:
    for position, part in enumerate(_FENCE.split(prompt)):
        if position % 2:
            yield _Piece(part, verbatim=True)
            continue
        text = _tidied(part)
        start = 0
        for match in _SENTENCE_END.finditer(text):
            yield _Piece(text[start : match.end()])
            start = match.end()
        if start < len(text):
            yield _Piece(text[start:])


def _tidied(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", _LINE_ENDS.sub("", _SPACES.sub(" ", text)))
