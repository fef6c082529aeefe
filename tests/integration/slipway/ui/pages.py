"""Reading a page as a reader and a browser do."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

HOSTILE = '"><script>alert(1)</script>'


def text_of(page: str) -> str:
    """Return a page's words as a reader sees them."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


class Checked(HTMLParser):
    """Sees to it that the elements of a page are closed in their order, and collects them."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def elements(page: str, tag: str) -> list[dict[str, str | None]]:
    """Return the attributes of a page's elements of one kind."""
    checked = Checked()
    checked.feed(page)
    assert checked.open == []
    return [attributes for name, attributes in checked.seen if name == tag]
