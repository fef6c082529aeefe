"""The platform's processes in tests: started as Cloud Run would, on free ports, and ended at the end."""

from __future__ import annotations

import atexit
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from include.load_test.prompts import Prompt
from sandbox.cloud.run import prefork_server
from sandbox.platform.identity import issue
from sandbox.supervisor.settings import HOST, REPOSITORY

MODULES = ("auth", "backend", "frontend")
START_SECONDS = 60.0
STOP_SECONDS = 60.0
SIGNING_KEY = "a-signing-key-of-the-tests-alone-0123456789"
PRICING = {
    "LLM_PRICING_GPT4_INPUT": "0.00003",
    "LLM_PRICING_GPT4_OUTPUT": "0.00006",
    "LLM_PRICING_GPT35_INPUT": "0.0000015",
    "LLM_PRICING_GPT35_OUTPUT": "0.000002",
}
TOKENS = {
    "TOKEN_OPTIMIZATION_DEFAULT_TARGET_REDUCTION": "20",
    "TOKEN_OPTIMIZATION_MAX_RETRIES": "3",
    "COST_ALERT_LOW_THRESHOLD": "0.01",
    "COST_ALERT_MEDIUM_THRESHOLD": "0.02",
    "COST_ALERT_HIGH_THRESHOLD": "0.03",
    "USER_BUDGET_DEFAULT_MONTHLY": "100.00",
}


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def backend_environment(database_url: str, **changes: str) -> dict[str, str]:
    """Return a backend's variables: version 1.1.0 in staging, and what a test changes of it."""
    return {
        "ENVIRONMENT": "staging",
        "DATABASE_URL": database_url,
        "AUTH_SIGNING_KEY": SIGNING_KEY,
        "TOKEN_OPTIMIZATION_ENABLED": "true",
        "TOKEN_CONFIG": json.dumps(TOKENS),
        "PRICING_CONFIG": json.dumps(PRICING),
        "FEATURE_FLAGS": '{"token_optimization": true}',
        "K_REVISION": "revision-under-test",
        **changes,
    }


class Forks:
    """Starts processes of the platform as the cloud does: forked from one that has imported them all."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        modules = (f"sandbox.platform.{module}" for module in MODULES)
        command = [sys.executable, "-m", prefork_server.__name__, str(theirs.fileno()), *modules]
        with theirs:
            self._server = subprocess.Popen(command, cwd=REPOSITORY, pass_fds=[theirs.fileno()])
        self._unread, self._begun = b"", 0
        self._pids: dict[int, int] = {}
        self._codes: dict[int, int] = {}

    def fork(self, module: str, environment: Mapping[str, str], log: Path) -> Fork:
        """Start a process."""
        self._begun += 1
        request = {"number": self._begun, "module": module, "arguments": [], "environment": environment}
        request |= {"log": str(log), "cwd": str(REPOSITORY)}
        self._control.sendall(json.dumps(request).encode() + b"\n")
        while self._begun not in self._pids:
            self._read(START_SECONDS)
        return Fork(self, self._pids[self._begun])

    def code(self, pid: int, seconds: float) -> int | None:
        """Wait for the end of a process; return its exit code, None while it runs."""
        deadline = time.monotonic() + seconds
        while pid not in self._codes and self._read(max(deadline - time.monotonic(), 0.0)):
            continue
        return self._codes.get(pid)

    def close(self) -> None:
        """End the one process."""
        self._control.close()
        self._server.wait(STOP_SECONDS)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._control], [], [], seconds)[0]:
            return False
        received = self._control.recv(1 << 16)
        assert received, "the process that the platform's are forked from has ended"
        *lines, self._unread = (self._unread + received).split(b"\n")
        for answer in map(json.loads, lines):
            if "number" in answer:
                self._pids[answer["number"]] = answer["pid"]
            else:
                self._codes[answer["pid"]] = answer["exit_code"]
        return True


@cache
def forks() -> Forks:
    """Return where this test run's processes are forked from."""
    made = Forks()
    atexit.register(made.close)
    return made


@dataclass(frozen=True)
class Fork:
    """A process that was forked, with what tests use of :class:`subprocess.Popen`."""

    forks: Forks
    pid: int

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self.forks.code(self.pid, 0.0)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for its end and return its exit code."""
        code = self.forks.code(self.pid, seconds)
        if code is None:
            raise subprocess.TimeoutExpired([str(self.pid)], seconds)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it by force."""
        self.send_signal(signal.SIGKILL)


@dataclass
class Service:
    """One running process of the platform."""

    process: Fork
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{HOST}:{self.port}"

    def metric(self, name: str, **labels: str) -> float:
        """Return one sample of its metrics.

        :raises LookupError: when there is no such sample.
        """
        text = httpx.get(f"{self.url}/metrics", timeout=5, trust_env=False).text
        inner = ",".join(f'{key}="{value}"' for key, value in labels.items())
        sample = re.escape(f"{name}{{{inner}}}" if inner else name)
        found = re.search(rf"^{sample} (\S+)$", text, re.MULTILINE)
        if not found:
            raise LookupError(f"{name} {labels} is not among the metrics of {self.url}")
        return float(found.group(1))

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, bound: float = STOP_SECONDS) -> int:
        """Wait for the end and return the exit code."""
        return self.process.wait(bound)

    def stop(self) -> None:
        """End it, if need be by force."""
        if self.process.poll() is None:
            self.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_SECONDS)


def launch(module: str, environment: Mapping[str, str], log: Path) -> Service:
    """Start one of :data:`MODULES` as the cloud would, and return at once."""
    port = free_port()
    own = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "PORT": str(port),
    }
    process = forks().fork(f"sandbox.platform.{module}", {**own, **environment}, log)
    return Service(process, port, log)


def start(module: str, environment: Mapping[str, str], log: Path) -> Service:
    """Start a service and wait until it is healthy.

    :raises RuntimeError: with its log, when it ends or takes too long.
    """
    service = launch(module, environment, log)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and service.process.poll() is None:
        try:
            if httpx.get(f"{service.url}/health", timeout=2, trust_env=False).is_success:
                return service
        except httpx.TransportError:
            time.sleep(0.05)
    service.stop()
    raise RuntimeError(f"{module} did not start:\n{log.read_text()}")


@dataclass
class User:
    """A signed-in user of one backend."""

    service: Service
    client: httpx.Client
    user_id: UUID

    @classmethod
    def of(cls, service: Service, client: httpx.Client) -> User:
        """Make a new user."""
        return cls(service, client, uuid4())

    @property
    def token(self) -> str:
        """The user's bearer token."""
        return issue(self.user_id, SIGNING_KEY)

    def optimize(self, prompt: Prompt, **changes: Any) -> httpx.Response:
        """Have a prompt optimized."""
        body = {"session_key": f"of-{self.user_id}", "agent_name": prompt.agent_name, "model": prompt.model}
        return self.client.post(
            f"{self.service.url}/v1/optimize",
            json={**body, "prompt": prompt.text, **changes},
            headers={"Authorization": f"Bearer {self.token}"},
        )

    def costs(self) -> dict[str, Any]:
        """Return the user's month to date."""
        answer = self.client.get(
            f"{self.service.url}/v1/costs", headers={"Authorization": f"Bearer {self.token}"}
        )
        answer.raise_for_status()
        costs: dict[str, Any] = answer.json()
        return costs
