"""A Cloud Run service of the tests' own, with short ways to the calls under test."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from google.cloud import run_v2
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, ServiceAddress, TrafficChange, serving_split

from sandbox.supervisor.settings import LOCATION

PROJECT = "sandbox-staging"
SECONDS = 30.0


class Web:
    """A service whose revisions are called by their suffixes.

    :param hook: the hook under test.
    :param image: turns ``frontend:1.1.0`` into a reference to the sandbox's registry.
    """

    def __init__(self, hook: CloudRunTrafficHook, image: Callable[[str], str]) -> None:
        self.hook = hook
        self.image = image
        self.address = ServiceAddress(PROJECT, LOCATION, f"web-{uuid.uuid4().hex[:8]}")

    def name(self, suffix: str) -> str:
        return f"{self.address.service}-{suffix}"

    def deploy(self, suffix: str, image: str = "frontend:1.0.0", **changes: Any) -> run_v2.Service:
        wanted: dict[str, Any] = {
            "revision": self.name(suffix),
            "base": None,
            "image": self.image(image),
            "env": {"BACKEND_URL": "http://127.0.0.1:9"},
            "secrets": {},
            "min_instances": 0,
            "max_instances": 2,
            "labels": {"release": suffix},
            "tag": None,
            "timeout": SECONDS,
        }
        return self.hook.deploy_revision(self.address, **{**wanted, **changes})

    def read(self) -> run_v2.Service:
        return self.hook.get_service(self.address)

    def shift(self, split: dict[str, int], **changes: Any) -> TrafficChange:
        named = {self.name(suffix): percent for suffix, percent in split.items()}
        return self.hook.set_traffic(self.address, split=named, **{"timeout": SECONDS, **changes})

    def split(self) -> dict[str, int]:
        prefix = len(self.address.service) + 1
        return {revision[prefix:]: percent for revision, percent in serving_split(self.read()).items()}

    def revision(self, suffix: str) -> run_v2.Revision:
        return self.hook.get_revision(self.address, self.name(suffix))

    def as_seen_by(self, hook: CloudRunTrafficHook) -> Web:
        """The same service through another hook."""
        other = Web(hook, self.image)
        other.address = self.address
        return other

    def delete(self) -> None:
        """Begin to take the service away; no other test has its name, so nobody waits for the end."""
        self.hook.api_client(run_v2.ServicesClient).delete_service(name=self.read().name)
