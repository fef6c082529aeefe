"""A cloud as a process, and the official clients pointed at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from google.api_core.future.polling import DEFAULT_POLLING
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from google.protobuf import field_mask_pb2

from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

#: Far longer than it takes, also on a machine with other things to do.
STOP_SECONDS = 60.0
PROJECT = "projects/test/locations/us-central1"
REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST


@dataclass
class CloudProcess:
    """``python -m sandbox.cloud`` as a process.

    :param images: YAML file of its registry.
    :param options: further words of its command line.
    """

    settings: Settings
    images: Path
    options: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """What it wrote to stdout and stderr."""
        return (self.settings.home / "output.txt").read_text()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it without waiting for anything."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "SLIPWAY_HOME": str(self.settings.home),
            "SLIPWAY_PORT_BASE": str(self.settings.port_base),
        }
        line = [sys.executable, "-m", "sandbox.cloud", "--images", str(self.images), "--start-seconds", "5"]
        line.extend(self.options)
        with (self.settings.home / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                line, env=environment, cwd=REPOSITORY, stdout=output, stderr=output
            )
        return self.process

    def start(self) -> None:
        """Start it and wait until it is ready."""
        process = self.launch()

        def healthy() -> bool:
            assert process.poll() is None, self.output
            try:
                return httpx.get(f"http://{HOST}:{self.settings.google_port}/healthz").status_code == 200
            except httpx.TransportError:
                return False

        wait_for(healthy, "the cloud's health check", seconds=90)

    def stop(self) -> None:
        """Stop it with SIGTERM."""
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(STOP_SECONDS) == 0, self.output

    def children(self) -> list[psutil.Process]:
        """Every process that carries this sandbox's home, but for the cloud itself."""
        found = []
        for process in psutil.process_iter():
            try:
                environment = process.environ()
            except psutil.Error:
                continue
            own = self.process is not None and process.pid == self.process.pid
            if environment.get("SLIPWAY_HOME") == str(self.settings.home) and not own:
                found.append(process)
        return found

    def traffic_log(self, service: str) -> list[dict[str, Any]]:
        """Splits that were applied to a service, oldest first."""
        lines = map(json.loads, (self.settings.run / "traffic.jsonl").read_text().splitlines())
        return [line for line in lines if line["service"] == service]


class Clients:
    """The official clients, and shorthands over them."""

    def __init__(self, settings: Settings) -> None:
        options: dict[str, Any] = {
            "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
            "transport": "rest",
            "client_options": {"api_endpoint": f"http://{HOST}:{settings.google_port}"},
        }
        self.services = run_v2.ServicesClient(**options)
        self.revisions = run_v2.RevisionsClient(**options)
        self.jobs = run_v2.JobsClient(**options)
        self.executions = run_v2.ExecutionsClient(**options)
        self._registry = f"{HOST}:{settings.registry_port}"

    def close(self) -> None:
        """Close the clients' connections."""
        for client in (self.services, self.revisions, self.jobs, self.executions):
            client.transport.close()  # type: ignore[no-untyped-call]

    def template(
        self, image: str = "1", revision: str = "", instances: int = 1, **environment: Any
    ) -> run_v2.RevisionTemplate:
        """A template that runs ``test/app`` with this tag."""
        variables = [
            run_v2.EnvVar(name=name, value_source=value)
            if isinstance(value, run_v2.EnvVarSource)
            else run_v2.EnvVar(name=name, value=value)
            for name, value in environment.items()
        ]
        container = run_v2.Container(image=f"{self._registry}/test/app:{image}", env=variables)
        scaling = run_v2.RevisionScaling(min_instance_count=instances)
        return run_v2.RevisionTemplate(revision=revision, containers=[container], scaling=scaling)

    def create(self, service_id: str, template: Any, **fields: Any) -> Any:
        """Create a service and wait until it serves."""
        service = run_v2.Service(template=template, **fields)
        return done(self.services.create_service(parent=PROJECT, service=service, service_id=service_id))

    def update(self, service: Any, mask: list[str] | None = None) -> Any:
        """Update a service and wait until it is done."""
        return done(self.begin_update(service, mask))

    def begin_update(self, service: Any, mask: list[str] | None = None) -> Any:
        """Update a service; the operation."""
        request = run_v2.UpdateServiceRequest(service=service)
        if mask:
            request.update_mask = field_mask_pb2.FieldMask(paths=mask)
        return self.services.update_service(request)

    def shift(self, name: str, *targets: run_v2.TrafficTarget) -> Any:
        """Set a service's traffic and wait until it is applied."""
        return self.update(run_v2.Service(name=name, traffic=list(targets)), ["traffic"])


def to(revision: str, percent: int = 0, tag: str = "") -> run_v2.TrafficTarget:
    """A traffic target by revision name."""
    return run_v2.TrafficTarget(type_=REVISION, revision=revision, percent=percent, tag=tag)


def done(operation: Any) -> Any:
    """Wait for an operation's end, asking often."""
    return operation.result(timeout=30, polling=DEFAULT_POLLING.with_delay(initial=0.02, maximum=0.1))


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    """Wait until a condition holds; its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise TimeoutError(f"{what}: not within {seconds:g} s")
