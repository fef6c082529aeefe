"""The local cloud as one process: its parts, put together, started and stopped."""

from __future__ import annotations

import asyncio
import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.cloud import registry, team_room
from sandbox.cloud.data_plane import exporter
from sandbox.cloud.data_plane.delayed_metrics import DelayedMetrics
from sandbox.cloud.data_plane.federation import Target
from sandbox.cloud.data_plane.proxy import DataPlane
from sandbox.cloud.data_plane.request_log import RequestLog
from sandbox.cloud.data_plane.request_metrics import RequestMetrics, revision_labels
from sandbox.cloud.data_plane.traffic_log import TrafficLog
from sandbox.cloud.listening import WebServer, check_free, listen
from sandbox.cloud.load_balancer.api import LoadBalancers
from sandbox.cloud.memorystore.api import Memorystore
from sandbox.cloud.monitoring.api import CloudMonitoring
from sandbox.cloud.operations import OperationStore
from sandbox.cloud.run.api import RunApi
from sandbox.cloud.run.container import process_environment
from sandbox.cloud.run.executions import Executions
from sandbox.cloud.run.fleets import Fleets, Platform
from sandbox.cloud.run.images import Images
from sandbox.cloud.run.jobs import JobStore
from sandbox.cloud.run.jobs_api import JobsApi
from sandbox.cloud.run.leftovers import end_leftovers
from sandbox.cloud.run.memory_metrics import MemoryMetrics
from sandbox.cloud.run.prefork import Prefork
from sandbox.cloud.run.reconciler import Reconciler
from sandbox.cloud.run.services import ServiceStore
from sandbox.cloud.run.urls import Urls
from sandbox.cloud.secret_manager.api import SecretManager
from sandbox.cloud.sql_admin.api import CloudSql
from sandbox.cloud.state_file import StateFile
from sandbox.cloud.storage.api import Storage
from sandbox.cloud.storage.buckets import BucketStore
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

_log = logging.getLogger(__name__)
_STOP_INSTANCES_SECONDS = 2.5


class AlreadyRunningError(RuntimeError):
    """Another cloud of the same sandbox runs."""


class _Secrets:
    """Secret Manager as instances see it."""

    def __init__(self, manager: SecretManager) -> None:
        self._manager = manager

    def resolve(self, project: str, secret: str, version: str) -> bytes:
        return self._manager.access(f"projects/{project}/secrets/{secret}/versions/{version}")


class Cloud:
    """The stand-ins, their data plane and the instances.

    :param settings: the sandbox.
    :param images: YAML file of the registry's images.
    :param start_seconds: how long an instance may take to become ready.
    :param monitoring_delay: seconds after which the platform's metrics can be read.
    :param spreading: seconds after which a new split is in force everywhere; before, it is for half.
    """

    def __init__(
        self,
        settings: Settings,
        images: Path,
        start_seconds: float,
        monitoring_delay: float = 0.0,
        spreading: float = 0.0,
    ) -> None:
        self._settings = settings
        for folder in (settings.run, settings.logs, settings.data):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = _take_lock(settings.run / "cloud.lock")
        self._resumed = asyncio.Event()
        secrets = SecretManager(settings.data / "secret_manager.json")
        self._images = Images(settings.registry, images)
        self._data_plane = DataPlane(
            settings.run / "haproxy",
            settings.data_plane_ports,
            process_environment(settings),
            settings.logs / "haproxy.log",
            spreading,
        )
        self._prefork = Prefork(
            self._images.modules,
            process_environment(settings) | {"PYTHONPATH": str(REPOSITORY)},
            settings.logs / "prefork.log",
        )
        self._fleets = Fleets(
            Platform(
                settings,
                self._images.config,
                _Secrets(secrets),
                self._data_plane,
                self._prefork,
                start_seconds=start_seconds,
            )
        )
        store, operations, urls = ServiceStore(), OperationStore(), Urls(settings.data_plane_ports)
        jobs = JobStore()
        self._state = StateFile(settings.data / "cloud_run.json", store, operations, urls, jobs)
        self._executions = Executions(
            jobs, operations, settings, self._images.config, _Secrets(secrets), self._state.save
        )
        traffic_log = TrafficLog(settings.run / "traffic.jsonl")
        self._reconciler = Reconciler(
            store, operations, self._fleets, self._data_plane, urls, traffic_log, self._state.save
        )
        self._metrics = RequestMetrics(self._data_plane.owner, urls.service_of)
        self._memory = MemoryMetrics(self._fleets.memory_in_use)
        self._platform_metrics = [
            DelayedMetrics(metrics.exposition, monitoring_delay) for metrics in (self._metrics, self._memory)
        ]
        self._request_log = RequestLog(self._metrics.record)
        buckets = BucketStore(settings.data / "storage")
        self._google = Starlette(
            routes=[
                Route("/healthz", self._health),
                *RunApi(store, operations, self._reconciler).routes(),
                *JobsApi(jobs, operations, self._executions, self._state.save).routes(),
                *secrets.routes(),
                *CloudSql(settings, buckets=buckets).routes(),
                *LoadBalancers().routes(),
                *Memorystore(settings.redis_port).routes(),
                *Storage(buckets).routes(),
                *CloudMonitoring().routes(),
                team_room.route(settings),
            ]
        )

    async def run(self, until: asyncio.Event) -> None:
        """Serve until the event is set.

        :param until: set when the server has to stop.
        :raises PortInUseError: a port is taken.
        :raises DataPlaneError: HAProxy does not start.
        :raises RuntimeError: HAProxy ended by itself.
        """
        end_leftovers(self._settings)
        sockets = {
            listen(self._settings.google_port, "Google APIs"): WebServer.of(self._google),
            listen(self._settings.registry_port, "registry"): WebServer.of(
                registry.application(self._images)
            ),
            listen(self._settings.exporter_port, "exporter"): WebServer.of(
                exporter.application(
                    [late.exposition for late in self._platform_metrics],
                    self._targets,
                    self._data_plane.lost_log_lines,
                )
            ),
        }
        check_free(self._settings.data_plane_ports, "data plane")
        self._state.load()
        self._executions.resume()
        serving = []
        try:
            self._request_log.start()
            await self._prefork.start()
            await self._data_plane.start(self._request_log.writer)
            serving = [asyncio.create_task(s.serve(sockets=[opened])) for opened, s in sockets.items()]
            await self._until(until)
        finally:
            _log.info("stopping")
            for server in sockets.values():
                server.should_exit = True
            await asyncio.gather(self._reconciler.stop(), self._executions.stop())
            await asyncio.gather(self._stop_instances(), *serving, return_exceptions=True)
            await self._prefork.stop()
            await self._data_plane.stop()
            self._request_log.stop()
            # what was draining has a longer time to end than the cloud itself
            end_leftovers(self._settings)
            self._lock.close()

    async def _until(self, until: asyncio.Event) -> None:
        resuming = asyncio.create_task(self._resume())
        haproxy = asyncio.create_task(self._data_plane.exited())
        stop = asyncio.create_task(until.wait())
        try:
            waiting = {resuming, haproxy, stop}
            while not (haproxy.done() or stop.done()):
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if resuming.done():
                    resuming.result()
            if not stop.done():
                raise RuntimeError(
                    f"haproxy ended with code {haproxy.result()}; see {self._settings.logs / 'haproxy.log'}"
                )
        finally:
            for task in (resuming, haproxy, stop):
                task.cancel()
            await asyncio.gather(resuming, haproxy, stop, return_exceptions=True)

    async def _resume(self) -> None:
        await self._reconciler.resume()
        self._resumed.set()
        _log.info(
            "ready: Google APIs on http://%s:%d, registry %d, exporter %d",
            HOST,
            self._settings.google_port,
            self._settings.registry_port,
            self._settings.exporter_port,
        )

    async def _stop_instances(self) -> None:
        await self._fleets.stop(grace=_STOP_INSTANCES_SECONDS)

    async def _health(self, _: Request) -> Response:
        ready = self._resumed.is_set()
        return JSONResponse({"status": "ok" if ready else "starting"}, status_code=200 if ready else 503)

    def _targets(self) -> Iterator[Target]:
        for fleet in self._fleets.active():
            self._metrics.announce(fleet.owner)
            for instance in fleet.serving:
                yield Target(instance.port, revision_labels(fleet.owner) | {"instance": instance.name})


def _take_lock(path: Path) -> IO[str]:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise AlreadyRunningError(f"{path}: a cloud of this sandbox runs already; stop it first") from error
    return file
