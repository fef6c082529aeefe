"""What a person or another system says reaches no shell and no SQL as text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from slipway.paths import REPOSITORY

SOURCES = sorted(
    path for folder in ("dags", "plugins", "include") for path in (REPOSITORY / folder).rglob("*.py")
)
#: Calls that give their first argument to a database.
STATEMENTS = {"execute", "executemany", "command", "query", "insert_file", "raw_query"}
SHELLS = {("os", "system"), ("os", "popen"), ("subprocess", "getoutput"), ("subprocess", "getstatusoutput")}
EVALUATED = {"eval", "exec", "compile", "__import__"}

#: Statements that take no parameters, and what they are made of.
QUOTED = {
    "plugins/slipway/kpi/named_collections.py": "a constant name, and values that ClickHouse's client quotes",
    "plugins/slipway/kpi/views.py": "a file of include/sql and its digest",
}


def made_of_text(node: ast.expr) -> bool:
    """Whether an expression puts values into a text."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return not (isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        # psycopg's own composition quotes what it puts in.
        return not (
            isinstance(node.func.value, ast.Call) and ast.unparse(node.func.value.func).endswith("SQL")
        )
    return False


def faults(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        where = f"{path.relative_to(REPOSITORY)}:{node.lineno}: {ast.unparse(node)[:100]}"
        for keyword in node.keywords:
            if keyword.arg == "shell" and not (
                isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            ):
                found.append(where)
        if isinstance(node.func, ast.Name) and node.func.id in EVALUATED:
            found.append(where)
        if not isinstance(node.func, ast.Attribute):
            continue
        if isinstance(node.func.value, ast.Name) and (node.func.value.id, node.func.attr) in SHELLS:
            found.append(where)
        if node.func.attr in STATEMENTS and node.args and made_of_text(node.args[0]):
            found.append(where)
    return found


def test_the_sources_make_no_command_and_no_statement_of_text() -> None:
    assert len(SOURCES) > 100
    assert [fault for path in SOURCES for fault in faults(path) if fault.split(":")[0] not in QUOTED] == []


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(f'git tag {name}', shell=True)",
        "os.system('ls ' + name)",
        "cursor.execute(f'SELECT {name}')",
        "cursor.execute('SELECT %s' % name)",
        "client.command('DROP TABLE ' + name)",
        "client.query('SELECT {}'.format(name))",
        "eval(name)",
    ],
)
def test_each_way_to_do_so_is_found(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.slipway.test_no_text_becomes_code.REPOSITORY", tmp_path)
    (tmp_path / "bad.py").write_text(line)
    assert len(faults(tmp_path / "bad.py")) == 1


def test_a_fixed_statement_and_a_composed_one_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.unit.slipway.test_no_text_becomes_code.REPOSITORY", tmp_path)
    (tmp_path / "good.py").write_text(
        "cursor.execute('SELECT %s', [name])\ncursor.execute(sql.SQL('{}').format(name))\n"
        "cursor.execute(statement('a'))\nsubprocess.run(['git', name], shell=False)\n"
    )
    assert faults(tmp_path / "good.py") == []
