"""Everything that releases and rollups depend on, with the ways there, and the services that are released."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import yaml
from airflow.sdk import Connection
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, ServiceAddress, serving_split
from slipway.kpi.named_collections import LEDGER_COLLECTION, define_collection
from slipway.policy.release import Policy, load_policy, parse_policy

from sandbox.airflow.environment import REPORTS
from sandbox.cloud import team_room
from sandbox.databases import postgres, prometheus
from sandbox.databases.clickhouse import program as clickhouse
from sandbox.supervisor import credentials
from sandbox.supervisor.processes import Program, answers
from sandbox.supervisor.settings import HOST, LOCATION, REPOSITORY, Settings
from tests.chaos.whole.network import Calls, Network, Way
from tests.chaos.whole.servers import Server, serving
from tests.servers import open_clickhouse

PROJECT = "sandbox-production"
SECONDS = 30.0
IMAGE = "chaos/app"


@dataclass(frozen=True)
class Ways:
    """The ways of one release, or of a rollup, to what it depends on.

    :param calls: counts what goes there.
    """

    calls: Calls
    ledger: Way
    google: Way
    storage: Way
    metrics: Way
    product: Way
    warehouse: Way

    @property
    def all(self) -> list[Way]:
        """Every way."""
        return [self.ledger, self.google, self.storage, self.metrics, self.product, self.warehouse]


class Installation:
    """The servers, and the doors to them past every way.

    :param settings: the sandbox of all servers but those of the rollup.
    :param product: the sandbox of these: the product's database, and ClickHouse, which reads it.
    :param network: makes the ways.
    """

    def __init__(self, settings: Settings, product: Settings, network: Network) -> None:
        self.settings, self.product, self.network = settings, product, network
        self.google = f"http://{HOST}:{settings.google_port}"
        self.servers = {
            "ledger's PostgreSQL": Server(lambda: postgres.program(settings), settings),
            "product's PostgreSQL": Server(lambda: postgres.program(product), product),
            "ClickHouse": Server(self._clickhouse, product),
            "Prometheus": Server(lambda: prometheus.program(settings), settings),
            "Cloud Run and object store": Server(self._cloud, settings),
        }

    @property
    def cloud(self) -> Server:
        """The stand-in of Google's APIs, with the data plane below it."""
        return self.servers["Cloud Run and object store"]

    def _cloud(self) -> Program:
        images = self.settings.home / "images.yaml"
        command = ["python", str(REPOSITORY / "bench/container_app.py")]
        tags: dict[str, dict[str, str]] = {"good": {}, "bad": {"FAILS": "1"}}
        images.write_text(yaml.safe_dump({IMAGE: {"command": command, "tags": tags}}))
        return Program(
            name="cloud",
            command=[sys.executable, "-m", "sandbox.cloud", "--images", str(images), "--start-seconds", "5"],
            ready=lambda: answers(f"{self.google}/healthz"),
            bound=90.0,
        )

    def _clickhouse(self) -> Program:
        program = clickhouse.program(self.product)

        def ready() -> bool:
            if not program.ready():
                return False
            # It has taken the ledger for one of its own sandbox.
            with closing(open_clickhouse(self.product, database="default")) as client:
                uri = postgres.uri(self.settings, "slipway")
                ledger = Connection.from_uri(uri, conn_id="slipway_ledger")
                define_collection(client, LEDGER_COLLECTION, ledger)
            return True

        return replace(program, ready=ready)

    def ways(self) -> Ways:
        """Open ways of their own for one release, or a rollup."""
        calls, settings = Calls(), self.settings
        ports = {
            "ledger": settings.postgres_port,
            "google": settings.google_port,
            "storage": settings.google_port,
            "metrics": settings.prometheus_port,
            "product": self.product.postgres_port,
            "warehouse": self.product.clickhouse_port,
        }
        return Ways(calls, **{name: self.network.way(port, calls) for name, port in ports.items()})

    def connections(self, ways: Ways | None = None) -> dict[str, str]:
        """Return the variables of tasks that take these ways; without any, past all of them."""
        settings = self.settings
        google, storage = (
            (self.google, self.google)
            if ways is None
            else (f"http://{HOST}:{ways.google.port}", f"http://{HOST}:{ways.storage.port}")
        )
        path = urlsplit(settings.prometheus_url).path
        metrics = settings.prometheus_port if ways is None else ways.metrics.port
        apis = dict.fromkeys(("run", "secretmanager", "sqladmin", "compute", "redis", "monitoring"), google)
        extra = {"project": PROJECT, "is_anonymous": True, "gcs.endpoint": storage}
        warehouse = {
            "conn_type": "clickhouse",
            "host": HOST,
            "port": self.product.clickhouse_port if ways is None else ways.warehouse.port,
            "login": "slipway",
            "password": credentials.load(self.product).clickhouse_password,
            "schema": "kpi",
        }
        named: Mapping[str, Any] = {
            "google_cloud_default": {
                "conn_type": "google_cloud_platform",
                "extra": extra | {"api_endpoints": apis | {"storage": storage}},
            },
            "slipway_promql": {"conn_type": "http", "host": f"http://{HOST}:{metrics}{path}"},
            "slipway_team": team_room.connection(google),
            "slipway_clickhouse": warehouse,
        }
        ledger = settings.postgres_port if ways is None else ways.ledger.port
        product = self.product.postgres_port if ways is None else ways.product.port
        return {
            **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in named.items()},
            "AIRFLOW_CONN_SLIPWAY_LEDGER": _postgres(settings, "slipway", ledger),
            "AIRFLOW_CONN_NETRA_PRODUCTION_DB": _postgres(self.product, "netra_production", product),
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
            "SLIPWAY_REGISTRY_PORT": str(settings.registry_port),
            "SLIPWAY_DATA_DOCS": str(settings.home / "data_docs"),
            "SLIPWAY_REPORTS": REPORTS,
            "SLIPWAY_ANCHORS": REPORTS.replace("/reports", "/anchors"),
        }


def _postgres(settings: Settings, database: str, port: int) -> str:
    return postgres.uri(settings, database).replace(f":{settings.postgres_port}/", f":{port}/")


@contextmanager
def installation(settings: Settings, product: Settings, network: Network) -> Iterator[Installation]:
    """Run every server until the end of the block, the sandboxes being there."""
    made = Installation(settings, product, network)
    with ExitStack() as stack:
        for server in made.servers.values():
            stack.enter_context(serving(server))
        for one in (settings, product):
            postgres.create_databases(one)
        yield made


class Service:
    """A service with users, of which one version after the other is released.

    :param name: its name.
    :param installation: where it is.
    """

    def __init__(self, name: str, installation: Installation) -> None:
        self.name = name
        self.address = ServiceAddress(PROJECT, LOCATION, name)
        self.hook = CloudRunTrafficHook("google_cloud_default")
        self.image = f"{HOST}:{installation.settings.registry_port}/{IMAGE}"
        self.hook.deploy_revision(
            self.address,
            revision=f"{name}-first",
            base=None,
            image=f"{self.image}:good",
            env={},
            secrets={},
            min_instances=1,
            max_instances=1,
            labels={},
            tag=None,
            timeout=SECONDS,
        )
        self.url = self.hook.get_service(self.address).uri

    def split(self) -> dict[str, int]:
        """Return who gets requests."""
        return dict(serving_split(self.hook.get_service(self.address)))

    def policy(self) -> Policy:
        """Return the policy of its releases: limits far apart prove in seconds what else takes minutes."""
        document = load_policy("sandbox-rates.yaml").model_dump(mode="json")
        document["name"] = f"chaos-{self.name}"
        service = document["services"]["rates"]
        service |= {"names": {"production": self.name}, "image": self.image}
        service |= {"min_instances": 1, "max_instances": 1, "env": {}}
        limits = {"minimum_evidence": 5, "target_percent": 2, "trigger_percent": 20}
        document["metrics"] = {"error_rate": document["metrics"]["error_rate"] | limits}
        document["phases"] = {
            phase: {"traffic_percent": percent, "bake_seconds": 2, "extension_seconds": 30}
            for phase, percent in (("canary", 40), ("half", 50), ("full", 100))
        }
        document["decision"] |= {"promotion_evidence": 20, "outage_seconds": 10}
        document |= {"verification": None, "deploy_timeout_seconds": 15, "traffic_timeout_seconds": 10}
        document["rollback_deadlines"]["traffic_seconds"] = 10
        return parse_policy(document, source="of the chaos tests")

    def tidy(self, keep: set[str]) -> None:
        """Delete the revisions that nobody needs: the data plane has places for so many only.

        :param keep: names of those that stay.
        """
        for revision in self.hook.list_revisions(self.address):
            name = revision.name.rpartition("/")[2]
            if name not in keep:
                self.hook.delete_revision(self.address, name, etag=revision.etag, timeout=SECONDS)
