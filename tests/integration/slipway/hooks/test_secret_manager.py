"""The door to Secret Manager."""

from __future__ import annotations

import functools
import logging
import uuid
from collections.abc import Iterator
from typing import Literal

import pytest
from slipway.exceptions import SecretUnavailable
from slipway.hooks.secret_manager import SecretVersionHook

from tests.integration.slipway.hooks.fault_proxy import Fault, FaultProxy
from tests.integration.slipway.hooks.web_service import PROJECT

pytestmark = pytest.mark.sandbox
ADD = "addVersion|:addVersion"


@pytest.fixture
def hook(proxy: FaultProxy) -> Iterator[SecretVersionHook]:
    found = SecretVersionHook()
    yield found
    found.client.transport.close()


@pytest.fixture
def secret() -> str:
    return f"test-{uuid.uuid4().hex}"


def add(hook: SecretVersionHook, secret: str, data: bytes) -> int:
    return hook.add_version(project_id=PROJECT, secret=secret, data=data)


def test_the_same_content_is_one_version(hook: SecretVersionHook, secret: str) -> None:
    assert add(hook, secret, b"one") == 1
    assert add(hook, secret, b"one") == 1
    assert add(hook, secret, b"two") == 2
    assert add(hook, secret, b"one") == 3, "only the newest version counts as what is in force"
    assert hook.access(project_id=PROJECT, secret=secret, version=2) == b"two"
    assert hook.newest_version(project_id=PROJECT, secret=secret) == 3
    assert hook.version_state(project_id=PROJECT, secret=secret, version=1) == "ENABLED"


def test_a_disabled_version_is_not_in_force(hook: SecretVersionHook, secret: str) -> None:
    assert add(hook, secret, b"one") == 1
    name = f"projects/{PROJECT}/secrets/{secret}/versions/1"
    hook.client.disable_secret_version(name=name)
    assert hook.version_state(project_id=PROJECT, secret=secret, version=1) == "DISABLED"
    assert hook.newest_version(project_id=PROJECT, secret=secret) == 1, "latest has no regard to the state"
    with pytest.raises(SecretUnavailable, match=name):
        hook.access(project_id=PROJECT, secret=secret, version=1)
    assert add(hook, secret, b"one") == 2


def test_bytes_that_are_no_text_survive(hook: SecretVersionHook, secret: str) -> None:
    data = bytes(range(256))
    version = add(hook, secret, data)
    assert hook.access(project_id=PROJECT, secret=secret, version=version) == data


def test_what_does_not_exist_is_named(hook: SecretVersionHook, secret: str) -> None:
    with pytest.raises(SecretUnavailable, match=f"secrets/{secret}/versions/1"):
        hook.access(project_id=PROJECT, secret=secret, version=1)
    with pytest.raises(SecretUnavailable, match=f"secrets/{secret}"):
        hook.newest_version(project_id=PROJECT, secret=secret)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", ADD, status=503, times=2),
        Fault("POST", ADD, status=429, times=2),
        Fault("POST", ADD, lost="answer"),
        Fault("POST", ADD, lost="request"),
        Fault("POST", "secrets\\?", lost="answer"),
        Fault("GET", "versions", status=503, times=2),
    ],
    ids=["add-503", "add-429", "add-answer-lost", "add-request-lost", "create-answer-lost", "list-503"],
)
def test_exactly_one_version_is_made_whatever_the_network_does(
    hook: SecretVersionHook, proxy: FaultProxy, secret: str, fault: Fault
) -> None:
    injected = proxy.inject(fault)
    assert add(hook, secret, b"payload") == 1
    assert injected.times == 0
    assert hook.newest_version(project_id=PROJECT, secret=secret) == 1


def test_the_payload_is_in_no_log_and_no_error(
    hook: SecretVersionHook, proxy: FaultProxy, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    add(hook, secret, b"hunter2-plain")
    hook.access(project_id=PROJECT, secret=secret, version=1)
    proxy.inject(Fault("POST", ADD, status=403))
    with pytest.raises(SecretUnavailable) as caught:
        add(hook, secret, b"hunter2-other")
    hidden = ("hunter2", "aHVudGVyMi")  # as it is, and in base64
    assert not any(text in caplog.text + str(caught.value) for text in hidden)


def test_an_alias_names_a_version_and_keeps_the_others(hook: SecretVersionHook, secret: str) -> None:
    for data in (b"one", b"two"):
        add(hook, secret, data)
    point = functools.partial(hook.point_alias, project_id=PROJECT, secret=secret)
    assert point(alias="rollback", version=1)
    assert not point(alias="rollback", version=1), "done again it does nothing"
    assert point(alias="other", version=2)
    assert hook.access(project_id=PROJECT, secret=secret, version="rollback") == b"one"
    assert point(alias="rollback", version=2)
    assert hook.access(project_id=PROJECT, secret=secret, version="rollback") == b"two"
    with pytest.raises(SecretUnavailable, match=r"alias rollback cannot name version 3"):
        point(alias="rollback", version=3)


@pytest.mark.parametrize("lost", ["answer", "request"])
def test_an_alias_is_moved_whatever_the_network_does(
    hook: SecretVersionHook, proxy: FaultProxy, secret: str, lost: Literal["answer", "request"]
) -> None:
    add(hook, secret, b"one")
    injected = proxy.inject(Fault("PATCH", "secrets", lost=lost))
    hook.point_alias(project_id=PROJECT, secret=secret, alias="rollback", version=1)
    assert injected.times == 0
    assert hook.access(project_id=PROJECT, secret=secret, version="rollback") == b"one"
