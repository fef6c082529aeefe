"""Whether the sandbox's ports are free, and which process uses those that are not."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

import psutil

from sandbox.supervisor.settings import HOST, Settings


class PortsInUseError(RuntimeError):
    """Ports of the sandbox are taken; the message names them, their owners and the way out."""


def purposes(settings: Settings) -> Mapping[int, str]:
    """Return every port the sandbox uses, with what it is for."""
    named = {
        settings.airflow_port: "Airflow",
        settings.google_port: "the Google Cloud APIs",
        settings.registry_port: "the container registry",
        settings.postgres_port: "PostgreSQL",
        settings.clickhouse_port: "ClickHouse",
        settings.prometheus_port: "Prometheus",
        settings.exporter_port: "the metrics exporter",
        settings.users_port: "the simulated users",
        settings.worker_log_port: "Airflow's task logs",
        settings.trigger_log_port: "Airflow's trigger logs",
        settings.redis_port: "Redis",
        settings.git_port: "the platform's git repository",
    }
    services = dict.fromkeys(settings.data_plane_ports, "a service's URL")
    instances = dict.fromkeys(settings.instance_ports, "a service's instance")
    return {**named, **services, **instances}


def taken(ports: Iterable[int]) -> list[int]:
    """Return those of the ports that cannot be bound on loopback."""
    return [port for port in ports if not _free(port)]


def require_free(settings: Settings) -> None:
    """Check every port of the sandbox.

    :param settings: where the sandbox lives, and its ports.
    :raises PortsInUseError: when one or more are taken.
    """
    known = purposes(settings)
    busy = taken(known)
    if not busy:
        return
    owners = _owners(busy)
    lines = [
        f"  port {port}, for {known[port]}: used by {owners.get(port, 'an unknown process')}" for port in busy
    ]
    raise PortsInUseError(
        f"{len(busy)} of the sandbox's ports {settings.port_base} to {settings.port_base + 299} are in use:\n"
        + "\n".join(lines[:10])
        + "\nStop what uses them, or set SLIPWAY_PORT_BASE to the first of 300 free ports and start again."
    )


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # A connection of an earlier run in TIME_WAIT does not keep a server from binding.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _owners(ports: Iterable[int]) -> dict[int, str]:
    """Name the processes that listen on the ports, as far as this user may see them."""
    wanted = set(ports)
    owners: dict[int, str] = {}
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port in wanted and connection.pid:
            owners[connection.laddr.port] = _describe(connection.pid)
    return owners


def _describe(pid: int) -> str:
    try:
        command = " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return f"process {pid}"
    return f"process {pid} ({command[:80]})"
