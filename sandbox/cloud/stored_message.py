"""Protocol messages as text in a file: their bytes, since to write one as JSON takes a hundred times as long.

The whole state is written at every change, and it has hundreds of messages.
"""

from __future__ import annotations

import base64
from typing import Any, TypeVar

M = TypeVar("M")


def to_text(message: Any) -> str:
    """Write a message, the same one always as the same text.

    :param message: of proto-plus, or a plain one.
    """
    plain = getattr(message, "_pb", message)
    return base64.b64encode(plain.SerializeToString(deterministic=True)).decode("ascii")


def from_text(text: str, message: M) -> M:
    """Fill a message with what :func:`to_text` wrote.

    :param text: what was written.
    :param message: an empty one of the same kind.
    :return: the message.
    """
    plain: Any = getattr(message, "_pb", message)
    plain.ParseFromString(base64.b64decode(text))
    return message
