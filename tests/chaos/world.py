"""One service, its release and its record: what a task starts from, and what must stand when it has ended."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, ServiceAddress, revision_uri, serving_split
from slipway.ledger.entries import ConfigurationWritten, ReleaseOpened
from slipway.ledger.ledger import Ledger, Release
from slipway.ledger.plan import PlannedService, ReleasePlan, release_id
from slipway.policy.release import Policy, load_policy, parse_policy

from sandbox.supervisor.settings import LOCATION
from tests.chaos.statement_proxy import StatementProxy
from tests.chaos.task_process import Ended, TaskProcess
from tests.integration.slipway.hooks.fault_proxy import FaultProxy

PROJECT = "sandbox-production"
SERVICE = "web"
VERSION = "1.1.0"
TAG = "candidate"
SECONDS = 30.0
STABLE, CANARY = {"web-a": 100}, {"web-a": 90, "web-b": 10}
KEYS = {
    "deploy": "deployed/production/backend",
    "warm up": "warmed/canary/backend",
    "shift": "shifted/canary",
    "verify": "verified/canary",
    "roll back": "rolled_back/traffic",
}
SMOKE = """
import os
import urllib.request


def test_the_new_revision_answers():
    with urllib.request.urlopen(os.environ["BACKEND_URL"] + "/smoke") as answer:
        assert answer.headers["x-slipway-revision"] == os.environ["BACKEND_REVISION"]
"""


class World:
    """What the tests share.

    :param api: the proxy that tasks reach Cloud Run through.
    :param web: the proxy that they reach the service through.
    :param candidate: the proxy that they reach its new revision's tag through.
    :param database: the proxy that they reach the ledger through.
    :param hook: a door to Cloud Run past the proxy.
    :param ledger: the ledger past the proxy.
    :param image: reference of a tag of the tests' image.
    :param folder: where tasks write.
    :param environment: the tasks' connections.
    """

    def __init__(
        self,
        api: FaultProxy,
        web: FaultProxy,
        candidate: FaultProxy,
        database: StatementProxy,
        hook: CloudRunTrafficHook,
        ledger: Ledger,
        image: str,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.api, self.web, self.candidate = api, web, candidate
        self.database, self.hook, self.ledger = database, hook, ledger
        self._image, self._folder, self._environment = image, folder, environment
        (folder / "test_backend.py").write_text(SMOKE)
        self._policy, self._asking = _policy(), _policy(**_asking(folder))
        self._numbers = itertools.count(1)
        self._release: Release | None = None
        self._process: TaskProcess | None = None
        self.runs: list[Ended] = []
        self.address = ServiceAddress(PROJECT, LOCATION, SERVICE)

    def build(self) -> None:
        """Make the service with a stable and a new revision."""
        self.deploy("web-a")
        self.deploy("web-b", tag=TAG)
        self.lead_through_proxies()

    def lead_through_proxies(self) -> None:
        """Have the tasks reach the service, and the tag of its new revision, through the proxies."""
        live = self.hook.get_service(self.address)
        for proxy, url in ((self.web, live.uri), (self.candidate, revision_uri(live, TAG))):
            proxy.upstream = url
            self.api.rewrites[url.encode()] = proxy.url.encode()

    def deploy(self, revision: str, tag: str | None = None) -> None:
        """Make a revision past the proxy."""
        self.hook.deploy_revision(
            self.address,
            revision=revision,
            base=None,
            image=self.image("1"),
            env={},
            secrets={},
            min_instances=0,
            max_instances=1,
            labels={},
            tag=tag,
            timeout=SECONDS,
        )

    def image(self, tag: str) -> str:
        """Return the reference of one of the tests' images."""
        return f"{self._image}:{tag}"

    def begin(
        self, split: dict[str, int], *, revision: str = "web-b", image: str = "1", asks: bool = False
    ) -> None:
        """Open a release of its own and put the traffic where it is to start from.

        :param split: percent by revision.
        :param asks: whether its policy has new revisions warmed up, and shifts verified by requests.
        :param revision: the release's new revision.
        :param image: tag of its image.
        """
        self.end()
        self.move(split)
        run_id = f"chaos-{next(self._numbers)}"
        names = {"staging": SERVICE, "production": SERVICE}
        service = PlannedService(
            image=self.image(image),
            progressive=True,
            names=names,
            revisions=dict.fromkeys(names, revision),
        )
        plan = ReleasePlan(
            release_id=release_id(VERSION, run_id),
            run_id=run_id,
            version=VERSION,
            policy_name="chaos",
            services={"backend": service},
        )
        policy = self._asking if asks else self._policy
        self._release = self.ledger.open_release(
            plan, policy, ReleaseOpened(actor="ada", stable={SERVICE: STABLE})
        )
        written = ConfigurationWritten(environment="production", versions={})
        self.ledger.append(plan.release_id, written)
        self.runs = []

    def end(self) -> None:
        """Close the release, on the service too, and forget every fault."""
        for proxy in (self.api, self.web, self.candidate):
            proxy.reset()
        self.database.reset()
        if self._release is not None:
            release = self._release.release_id
            self.ledger.close(release, outcome="rolled_back", reason="the case is over")
            self.hook.free_lease(self.address, release, timeout=SECONDS)
            self._release = None

    def run(self, task: str) -> Ended:
        """Run a task to its end, whatever that is."""
        assert self._release is not None
        self._process = TaskProcess(task, VERSION, self._release.run_id, self._folder, self._environment)
        self._process.start()
        self.runs.append(self._process.wait())
        return self.runs[-1]

    def kill(self) -> None:
        """Kill the task that runs."""
        assert self._process is not None
        self._process.kill()

    def move(self, split: dict[str, int]) -> None:
        """Move the traffic past the proxy, as somebody else would."""
        self.hook.set_traffic(self.address, split=split, timeout=SECONDS)

    def serving(self) -> dict[str, int]:
        """Return who gets requests."""
        return serving_split(self.hook.get_service(self.address))

    def generation(self) -> int:
        """Return how often the service has been written."""
        return int(self.hook.get_service(self.address).generation)

    def revisions(self) -> set[str]:
        """Return the names of the service's revisions."""
        return {revision.name.rpartition("/")[2] for revision in self.hook.list_revisions(self.address)}

    def done(self) -> list[str]:
        """Return the steps that are on record, in their order."""
        assert self._release is not None
        steps = {key: task for task, key in KEYS.items()}
        entries = self.ledger.entries(self._release.release_id)
        return [steps[entry.key] for entry in entries if entry.key in steps]

    def check(self, *tasks: str, split: dict[str, int]) -> None:
        """Check that the world is as the record says: who serves, one entry a task, and the line in the log.

        :param tasks: the tasks that have had their effect, in order.
        :param split: who must serve.
        """
        assert self._release is not None
        log = "".join(run.log for run in self.runs)
        assert self.serving() == split, log
        entries = self.ledger.entries(self._release.release_id)
        wanted = [KEYS[task] for task in tasks]
        keys = [entry.key for entry in entries if not entry.key.startswith("drift/")]
        assert keys == ["opened", "configured/production", *wanted], log
        assert self.ledger.verification.of(self._release.release_id).holds
        for key in wanted:
            assert f"'entry': '{key}'" in log, log
        for entry in entries:
            # The release's configuration, which the world writes beforehand, changes nothing.
            if entry.key != "configured/production":
                assert "changes" not in entry.payload or entry.payload["changes"], entry


def _asking(suite: Path) -> dict[str, Any]:
    release = load_policy("release.yaml")
    assert release.verification is not None
    return {
        "warm_up": {"suite": str(suite), "suite_timeout_seconds": 10, "instances_timeout_seconds": 1},
        "verification": release.verification.model_dump(mode="json")
        | {"settle_seconds": 5, "request_timeout_seconds": 1},
    }


def _policy(**changes: Any) -> Policy:
    document = load_policy("release.yaml").model_dump(mode="json")
    for environment in document["environments"].values():
        environment |= {"project_id": PROJECT, "location": LOCATION}
    names = {"staging": SERVICE, "production": SERVICE}
    document["services"] = {
        "backend": document["services"]["backend"]
        | {"names": names, "env": {}, "secrets": {}, "min_instances": 0, "max_instances": 1}
    }
    document |= {"deploy_timeout_seconds": 6, "deploy_inline_seconds": 3, "traffic_timeout_seconds": 3}
    document |= {"warm_up": None, "verification": None}
    document["rollback_deadlines"]["traffic_seconds"] = 3
    return parse_policy(document | changes, source="chaos")
