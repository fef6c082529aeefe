"""The walls of ``docs/architecture.md``: which package may import which, read from the table of that page."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs/architecture.md"
SLIPWAY = REPOSITORY / "plugins/slipway"
ROOT = "(root)"
# `python -m slipway` is the door to the commands, so its imports are theirs.
MOVED = {"slipway.__main__": "commands", "slipway_plugin": "plugin"}
ROOT_MODULES = {"__init__", "__main__", "assets", "exceptions", "paths", "preload", "sql", "yaml_text"}
OPERATOR_LINES = 80
OUTSIDE = {"bench", "include", "sandbox", "tests"}
NETWORK = {
    "asyncio",
    "ftplib",
    "http",
    "imaplib",
    "poplib",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "urllib",
    "xmlrpc",
}


@dataclass(frozen=True)
class Row:
    """A row of the page's table.

    :param imports: packages that this one may import; the root modules are open to all.
    :param libraries: the only libraries it may import; None for any.
    """

    package: str
    imports: frozenset[str]
    libraries: frozenset[str] | None


@dataclass(frozen=True)
class Import:
    """One import of the product.

    :param package: row that the importing module belongs to.
    :param name: dotted name of what it imports.
    :param place: file and line.
    """

    package: str
    module: str
    name: str
    place: str

    @property
    def target(self) -> str | None:
        """Row that the imported module belongs to; None for a library."""
        known = known_module(self.name)
        return None if known is None else package_of(known)


@cache
def rows() -> dict[str, Row]:
    """Return the table of the page, from the top down."""
    section = PAGE.read_text().split("\n## Who may import whom\n")[1].split("\n## ")[0]
    found = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| `"):
            continue
        package, imports, libraries = (re.findall(r"`([^`]+)`", cell) for cell in cells[:3])
        name = package[0].rstrip("/")
        found[name] = Row(name, frozenset(imports), frozenset(libraries) if cells[2] != "any" else None)
    return found


@cache
def modules() -> dict[str, Path]:
    """Return the product's modules by dotted name; DAG files are ``dags.<name>``."""
    found = {}
    for base, prefix in ((REPOSITORY / "plugins", ()), (REPOSITORY / "dags", ("dags",))):
        for path in sorted(base.rglob("*.py")):
            parts = (*prefix, *path.relative_to(base).with_suffix("").parts)
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


def known_module(name: str) -> str | None:
    """Return the module of the product that a dotted name lies in; None when it is a library's."""
    while name and name not in modules():
        name = name.rpartition(".")[0]
    return name or None


def package_of(module: str) -> str:
    """Return the row that a module belongs to."""
    if module in MOVED:
        return MOVED[module]
    parts = module.split(".")
    if parts[0] == "dags":
        return "dags"
    return parts[1] if len(parts) > 1 and (SLIPWAY / parts[1]).is_dir() else ROOT


@cache
def imports() -> tuple[Import, ...]:
    """Return every import of the product, those inside functions and for type checkers alone included."""
    return tuple(
        Import(package_of(module), module, name, f"{path.relative_to(REPOSITORY)}:{line}")
        for module, path in modules().items()
        for name, line in imported(path)
    )


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the dotted name and the line of everything that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def crossings() -> Iterator[tuple[Import, str]]:
    """Yield every import of one row's module by another row's."""
    for found in imports():
        if found.target is not None and found.target != found.package:
            yield found, found.target


def test_the_table_names_every_package() -> None:
    folders = {path.parent.name for path in SLIPWAY.glob("*/__init__.py")}
    assert set(rows()) == folders | {"dags", "plugin", ROOT}


def test_a_row_of_the_table_imports_only_rows_below_it() -> None:
    """So the arrows run one way, and there is no circle."""
    order = list(rows())
    for position, row in enumerate(rows().values()):
        upwards = row.imports - set(order[position + 1 :])
        assert not upwards, f"{row.package}: {sorted(upwards)} must stand below it in the table"


def test_a_package_imports_only_the_packages_of_its_row() -> None:
    wrong = [
        f"{found.place}: {found.package} may not import {target} ({found.name})"
        for found, target in crossings()
        if target not in rows()[found.package].imports | {ROOT}
    ]
    assert not wrong, "move the piece down, or add the arrow to docs/architecture.md:\n" + "\n".join(wrong)


@pytest.mark.parametrize("package", ["analysis", "policy", "schema"])
def test_a_pure_package_imports_only_the_libraries_of_its_row(package: str) -> None:
    allowed = rows()[package].libraries
    assert allowed is not None
    assert not allowed & {"airflow", "google", "httpx", "psycopg", "requests"}
    wrong = [
        f"{found.place}: {found.name}"
        for found in imports()
        if found.package == package and found.target is None
        for top in [found.name.split(".")[0]]
        if top in NETWORK or (top not in sys.stdlib_module_names and top not in allowed)
    ]
    assert not wrong, f"{package} imports beyond docs/architecture.md:\n" + "\n".join(wrong)


def test_the_product_imports_nothing_from_outside_its_folders() -> None:
    assert not [found.place for found in imports() if found.name.split(".")[0] in OUTSIDE]


def test_no_two_modules_import_each_other() -> None:
    graph: dict[str, set[str]] = {}
    for found in imports():
        known = known_module(found.name)
        if known not in (None, found.module):
            graph.setdefault(found.module, set()).add(known)
    # Raises CycleError, which names the modules of the circle.
    list(TopologicalSorter(graph).static_order())


def test_an_operator_or_sensor_has_at_most_eighty_lines() -> None:
    """It validates, calls and records; what it calls is in ``release``."""
    sizes = {
        f"{path.relative_to(SLIPWAY)}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for folder in ("operators", "sensors")
        for path in sorted((SLIPWAY / folder).rglob("*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    assert len(sizes) > 30
    assert not {name: lines for name, lines in sizes.items() if lines > OPERATOR_LINES}


def test_the_root_holds_only_the_modules_that_every_package_needs() -> None:
    assert {path.stem for path in SLIPWAY.glob("*.py")} <= ROOT_MODULES


def test_the_table_and_the_imports_are_read() -> None:
    """Guards the tests above against a parser that finds nothing."""
    assert rows()["release"].imports >= {"hooks", "ledger"}
    assert rows()["analysis"].libraries == frozenset({"numpy", "pydantic", "scipy"})
    assert ("release", "hooks") in {(found.package, target) for found, target in crossings()}
    assert len(rows()) > 10
    assert len(imports()) > 1000


def test_the_table_allows_nothing_that_no_import_uses() -> None:
    used = {(found.package, target) for found, target in crossings()}
    unused = [f"{row.package} -> {name}" for row in rows().values() for name in sorted(row.imports)]
    unused = [arrow for arrow in unused if tuple(arrow.split(" -> ")) not in used]
    assert not unused, f"take out of docs/architecture.md: {', '.join(unused)}"
    libraries = {(found.package, found.name.split(".")[0]) for found in imports() if found.target is None}
    idle = [
        f"{row.package}: {name}"
        for row in rows().values()
        for name in sorted(row.libraries or ())
        if (row.package, name) not in libraries
    ]
    assert not idle, f"take out of docs/architecture.md: {', '.join(idle)}"
