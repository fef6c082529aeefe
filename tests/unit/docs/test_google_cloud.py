"""``docs/google-cloud.md`` names every connection and every method that the code uses, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from slipway.policy.release import load_policy
from slipway.policy.section import stated

from sandbox.supervisor.settings import REPOSITORY
from tests.integration.sandbox.cloud import conformance

PAGE = REPOSITORY / "docs/google-cloud.md"
SOURCES = [path for folder in ("plugins", "dags") for path in (REPOSITORY / folder).rglob("*.py")]


def section(title: str) -> str:
    """Return the text below a heading of the page, up to the next."""
    return PAGE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]


def texts(path: Path) -> set[str]:
    """Return the connection ids in a source: defaults of ``*conn_id``, and ``*_CONNECTION`` constants."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            positional = (arguments.posonlyargs + arguments.args)[::-1]
            pairs = [
                *zip(positional, arguments.defaults[::-1], strict=False),
                *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
            ]
            found |= {
                str(value.value)
                for argument, value in pairs
                if argument.arg.endswith(("conn_id", "connection_id"))
                and isinstance(value, ast.Constant)
                and value.value
            }
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            found |= {str(node.value.value) for name in names if name.endswith("_CONNECTION")}
    return found


def test_the_connections_are_those_of_the_code_and_the_policy() -> None:
    policy = load_policy("release.yaml")
    used = set().union(*(texts(path) for path in SOURCES))
    used |= {policy.database(environment).connection for environment in policy.environments}
    used |= {stated(policy.git_connection, "git_connection"), policy.schema_rules.rehearsal.connection}
    used |= {stated(policy.notified_via, "checklist.notification")}
    assert set(re.findall(r"^\| `(\w+)` \|", section("Connections"), re.MULTILINE)) == used


def test_every_method_has_its_permission() -> None:
    named = set(re.findall(r"`(\w+\.\w+)`", "\n".join(_first_cells(section("Permissions")))))
    assert named == conformance.used()


def _first_cells(table: str) -> list[str]:
    return [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]


def test_every_documented_behaviour_names_a_test_that_exists_or_what_protects_a_release() -> None:
    rows = [
        line.split("|")[1:-1] for line in section("Documented behaviours").splitlines() if line[:1] == "|"
    ][2:]
    assert len(rows) >= 20
    for behaviour, page, stand_in, test in rows:
        assert page.strip()
        assert stand_in.strip()
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", test)
        assert named or test.strip().startswith("none: "), behaviour
        for path, name in named:
            tests = (REPOSITORY / "tests" / path).read_text()
            assert re.search(rf"^(async )?def {name}\(", tests, re.MULTILINE), f"{path}::{name}"
