"""A release on record, of a product with one service, in the tests' cloud."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, SecretVersion
from slipway.hooks.secret_manager import SecretVersionHook
from slipway.ledger.entries import ReleaseOpened
from slipway.ledger.ledger import Ledger, Release
from slipway.ledger.plan import ReleasePlan
from slipway.policy.release import Policy, load_policy, parse_policy
from slipway.release.request import plan_release

from tests.integration.slipway.hooks.web_service import PROJECT, Web
from tests.integration.slipway.operators.steps import DOCUMENT, Steps
from tests.unit.slipway.on_record import run_with

VERSION = "1.1.0"
IMAGE = "frontend:1.1.0"
ENV = {"BACKEND_URL": "http://127.0.0.1:9"}


class Product:
    """One service that mounts its flags, and the release of its next version.

    :param web: the service; its first revision mounts version 1 of the flags.
    :param secrets: the door to Secret Manager.
    """

    def __init__(self, web: Web, secrets: SecretVersionHook, ledger: Ledger) -> None:
        self.web = web
        self.secrets = secrets
        self.ledger = ledger
        self.prefix = web.address.service
        self.secret = f"{self.prefix}-{DOCUMENT}"
        self.stable = web.name("stable")
        flags = json.dumps({"token_optimization": False}).encode()
        secrets.add_version(project_id=PROJECT, secret=self.secret, data=flags)
        web.deploy("stable", secrets={"FEATURE_FLAGS": SecretVersion(self.secret, "1")})
        self._opened: list[Release] = []
        self.start_run()

    def start_run(self) -> None:
        """Begin another run of the release."""
        run = SimpleNamespace(run_id=f"manual__{uuid.uuid4().hex}", conf={})
        self.context: Any = {"params": {"version": VERSION, "reason": None}, "dag_run": run} | run_with()

    def open(self, **changes: Any) -> Release:
        """Open the release.

        :param changes: parts of the policy to lay over.
        """
        plan, policy = self.plan(**changes)
        stable = {self.web.address.service: {self.stable: 100}}
        release = self.ledger.open_release(plan, policy, ReleaseOpened(actor="the tests", stable=stable))
        self._opened.append(release)
        return release

    def plan(self, **changes: Any) -> tuple[ReleasePlan, Policy]:
        """Plan the release.

        :param changes: parts of the policy to lay over.
        """
        policy = load_policy("release.yaml").model_dump(mode="json")
        policy["services"] = {"backend": policy["services"]["backend"]}
        service = policy["services"]["backend"]
        service["names"] = dict.fromkeys(("staging", "production"), self.web.address.service)
        service["secrets"] = {"FEATURE_FLAGS": DOCUMENT}
        service |= {"image": self.web.image("frontend"), "min_instances": 1}
        service["env"] = dict(ENV)
        policy["configuration"] = {DOCUMENT: policy["configuration"][DOCUMENT]}
        policy["staging_validation"]["documents"] = {}
        for environment in policy["environments"].values():
            environment |= {"project_id": PROJECT, "secret_prefix": self.prefix}
        parsed = parse_policy(policy | changes, source="of the test")
        plan = plan_release(
            self.context["params"] | {"services": None},
            run_id=self.context["dag_run"].run_id,
            known_fields=("version", "reason", "services", "stable_is_broken", "leave_out_newest"),
            policy=parsed,
            resolve_digest=lambda _: self.web.image(IMAGE),
        )
        return plan, parsed

    def services(self, **env: str) -> dict[str, Any]:
        """Return the policy's services with more variables.

        :param env: the variables.
        """
        services: dict[str, Any] = self.plan()[1].model_dump(mode="json")["services"]
        services["backend"]["env"] = ENV | env
        return services

    def open_next(self) -> Release:
        """Roll back what is open, and open the next release."""
        for release in self._opened:
            self.ledger.close(release.release_id, outcome="rolled_back", reason="the tests")
        return self.open()

    def flags(self, version: int | str) -> Any:
        """Read a version of the flags."""
        return json.loads(self.secrets.access(project_id=PROJECT, secret=self.secret, version=version))


@pytest.fixture
def product(
    cloud_run: CloudRunTrafficHook,
    image: Callable[[str], str],
    ledger: Ledger,
) -> Iterator[Product]:
    """A product of this test's own."""
    web = Web(cloud_run, image)
    secrets = SecretVersionHook()
    yield Product(web, secrets, ledger)
    secrets.client.transport.close()
    web.delete()


@pytest.fixture
def steps(product: Product) -> Steps:
    """The steps of a release that is not open yet."""
    return Steps(product)
