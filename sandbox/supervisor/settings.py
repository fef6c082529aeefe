"""Where the sandbox keeps its files and which loopback ports it uses.

Two environment variables move a whole sandbox aside, so that several can run on one machine:
``SLIPWAY_HOME`` (its state folder) and ``SLIPWAY_PORT_BASE`` (the first of its ports). In a container,
``SLIPWAY_HOST`` is the name under which the other containers reach it, in place of loopback.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
HOST = os.environ.get("SLIPWAY_HOST", LOOPBACK)
LOCATION = "us-central1"


@dataclass(frozen=True)
class Settings:
    """One sandbox: its state folder and its ports.

    :param home: folder of everything the sandbox writes; removed by ``make down``.
    :param port_base: first TCP port; the sandbox uses ``port_base`` to ``port_base + 299``.
    """

    home: Path
    port_base: int

    @classmethod
    def from_environment(cls) -> Settings:
        """Read ``SLIPWAY_HOME`` and ``SLIPWAY_PORT_BASE``.

        :raises ValueError: when the port base is not a number that leaves 300 ports below 65536.
        """
        home = Path(os.environ.get("SLIPWAY_HOME", REPOSITORY / ".slipway")).resolve()
        text = os.environ.get("SLIPWAY_PORT_BASE", "18080")
        if not text.isdecimal() or not 1024 <= int(text) <= 65535 - 300:
            raise ValueError(f"SLIPWAY_PORT_BASE={text}: must be a number in 1024..65235")
        return cls(home=home, port_base=int(text))

    @property
    def run(self) -> Path:
        """Folder of state files: process records, traffic log, users' counts."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """Folder with one log file per process."""
        return self.home / "logs"

    @property
    def data(self) -> Path:
        """Folder of the servers' data directories."""
        return self.home / "data"

    @property
    def airflow_port(self) -> int:
        """Airflow's UI and API."""
        return self.port_base

    @property
    def google_port(self) -> int:
        """Cloud Run Admin v2, Secret Manager v1 and Cloud SQL Admin v1beta4 stand-ins."""
        return self.port_base + 1

    @property
    def registry_port(self) -> int:
        """Container registry (OCI distribution API)."""
        return self.port_base + 2

    @property
    def registry(self) -> str:
        """The container registry as the images' names begin, wherever it is reached."""
        return f"{LOOPBACK}:{self.registry_port}"

    @property
    def postgres_port(self) -> int:
        """PostgreSQL."""
        return self.port_base + 3

    @property
    def clickhouse_port(self) -> int:
        """ClickHouse's HTTP interface."""
        return self.port_base + 4

    @property
    def prometheus_port(self) -> int:
        """Prometheus, under Google's URL prefix."""
        return self.port_base + 5

    @property
    def exporter_port(self) -> int:
        """What Prometheus scrapes: the platform's request counts and every instance's own metrics."""
        return self.port_base + 6

    @property
    def users_port(self) -> int:
        """The simulated users' control page."""
        return self.port_base + 7

    @property
    def worker_log_port(self) -> int:
        """Airflow's task log server."""
        return self.port_base + 8

    @property
    def trigger_log_port(self) -> int:
        """Airflow's triggerer log server."""
        return self.port_base + 9

    @property
    def redis_port(self) -> int:
        """Redis."""
        return self.port_base + 10

    @property
    def git_port(self) -> int:
        """The platform's git repository, where it is not read as a folder."""
        return self.port_base + 11

    @property
    def data_plane_ports(self) -> range:
        """One port per service URL or tagged URL, all bound by the data plane."""
        return range(self.port_base + 20, self.port_base + 84)

    @property
    def instance_ports(self) -> range:
        """Ports of the revisions' instances, reached only through the data plane."""
        return range(self.port_base + 100, self.port_base + 300)

    @property
    def prometheus_url(self) -> str:
        """Base URL of the PromQL API, with the path that Cloud Monitoring uses."""
        return (
            f"http://{HOST}:{self.prometheus_port}/v1/projects/sandbox-production/location/global/prometheus"
        )
