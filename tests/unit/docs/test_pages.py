"""The pages for who carries on: every link leads somewhere, and what they list is what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}: no such file"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}: no such heading"


def test_readme_and_architecture_name_every_page() -> None:
    linked = set(LINK.findall((REPOSITORY / "README.md").read_text()))
    assert {f"docs/{page.name}" for page in (REPOSITORY / "docs").glob("*.md")} <= linked


def test_the_glossary_is_in_alphabetical_order_and_explains_each_word_once() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", (REPOSITORY / "docs/glossary.md").read_text(), re.MULTILINE)[1:]
    words = [row.lower().replace("-", "") for row in rows if row != "-"]
    assert len(words) >= 40
    assert words == sorted(set(words))
