"""Which methods of the official clients the project calls, and which of them a test has called."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.operations_v1 import AbstractOperationsClient
from google.cloud import compute_v1, redis_v1, run_v2
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from googleapiclient.http import HttpRequest

from sandbox.supervisor.settings import REPOSITORY

HOOKS = REPOSITORY / "plugins/slipway/hooks"
WAITING = "AbstractOperationsClient.get_operation"
"""What waiting for an operation calls; the hooks say ``result``."""

_CLIENTS = {
    kind.__name__: kind
    for kind in (
        run_v2.ServicesClient,
        run_v2.RevisionsClient,
        run_v2.JobsClient,
        run_v2.ExecutionsClient,
        SecretManagerServiceClient,
        AbstractOperationsClient,
        compute_v1.BackendServicesClient,
        redis_v1.CloudRedisClient,
        compute_v1.RegionNetworkEndpointGroupsClient,
    )
}


def record(patch: pytest.MonkeyPatch, methods: Iterator[str]) -> set[str]:
    """Note which of the methods are called with success from now on.

    :param methods: ``<client class>.<method>``, or ``<collection>.<method>`` of Cloud SQL.
    :return: the set that they are noted in.
    """
    seen: set[str] = set()
    for name in methods:
        client, _, method = name.partition(".")
        if client in _CLIENTS:
            _note(patch, _CLIENTS[client], method, name, seen)
    execute = HttpRequest.execute

    def executed(request: Any, *arguments: Any, **named: Any) -> Any:
        answer = execute(request, *arguments, **named)
        seen.add(str(request.methodId).partition(".")[2])
        return answer

    patch.setattr(HttpRequest, "execute", executed)
    return seen


def _note(patch: pytest.MonkeyPatch, client: type, method: str, name: str, seen: set[str]) -> None:
    original = getattr(client, method)

    @functools.wraps(original)
    def called(*arguments: Any, **named: Any) -> Any:
        answer = original(*arguments, **named)
        seen.add(name)
        return answer

    patch.setattr(client, method, called)


def used() -> set[str]:
    """Return the methods that the hooks call, read from their source."""
    found: set[str] = set()
    for path in HOOKS.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= _called_in(function)
    return found


def _called_in(function: ast.AST) -> set[str]:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    names = {
        target.id: client
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and (client := _client(node.value, {}))
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for call in calls:
        if isinstance(call.func, ast.Attribute):
            client = _client(call.func.value, names)
            # list_next makes the next page's request out of an answer: it is no call
            if client and not call.func.attr.endswith("_next"):
                found.add(f"{client}.{call.func.attr}")
            if call.func.attr == "result" and ast.unparse(call.func.value) == "operation":
                found.add(WAITING)
    return found


def _client(node: ast.AST, names: dict[str, str]) -> str | None:
    """Name the client class, or the Cloud SQL collection, that an expression stands for."""
    text = ast.unparse(node)
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if text == "self.client":
        return SecretManagerServiceClient.__name__
    if isinstance(node, ast.Call) and node.args and text.startswith(("self._client(", "self.api_client(")):
        return ast.unparse(node.args[0]).rpartition(".")[2]
    if isinstance(node, ast.Call) and text.startswith("self.get_conn()."):
        return text.removeprefix("self.get_conn().").removesuffix("()")
    return None


def covered() -> dict[str, list[str]]:
    """Return the tests by the method that they are marked for."""
    found: dict[str, list[str]] = {}
    for path in sorted(REPOSITORY.glob("tests/integration/sandbox/cloud/**/test_*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            for mark in function.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.conformance":
                    for name in mark.args:
                        found.setdefault(str(ast.literal_eval(name)), []).append(
                            f"{path.stem}::{function.name}"
                        )
    return found
