"""What the local data plane adds to a request, and what moving traffic costs those who are on it.

``make bench-traffic`` starts a cloud of its own in a temporary folder with one service of two revisions (two
instances each) and loads it: first half of the requests straight to an instance and half through the data
plane, side by side; then all of them through the data plane while the release's own hook moves the split up
and down. It fails when a request failed or a WebSocket was closed that nobody asked to close.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from google.cloud import run_v2
from rich.console import Console
from rich.table import Table
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, ServiceAddress, TrafficChange

from bench.running_cloud import Clients, CloudProcess, to
from bench.split_load import SplitLoad
from sandbox.supervisor.settings import HOST, LOCATION, REPOSITORY, Settings

_APPLICATION = REPOSITORY / "bench/container_app.py"
_PERCENTS = (10, 50, 100, 50, 10, 0)
_CLIENTS = 50
_BETWEEN_SHIFTS_SECONDS = 0.3
_LINES_SHOWN = 5


@dataclass(frozen=True)
class Given:
    """What the command line asks for.

    :param rate: requests per second.
    :param sockets: open WebSockets.
    :param shifts: how often the split is moved.
    :param seconds: length of the load without shifts.
    """

    rate: float
    sockets: int
    shifts: int
    seconds: float

    def load(self, port: int) -> SplitLoad:
        """Return the load, on one port."""
        return SplitLoad(port, clients=_CLIENTS, sockets=self.sockets, rate=self.rate, socket_pause=1.0)

    def half(self, port: int, sockets: int) -> SplitLoad:
        """Return half of the requests, on one port."""
        return SplitLoad(port, clients=_CLIENTS // 2, sockets=sockets, rate=self.rate / 2, socket_pause=1.0)


async def _side_by_side(instance: int, port: int, given: Given) -> tuple[SplitLoad, SplitLoad]:
    """Send half of the requests straight to an instance and half through the data plane, at the same time.

    What else the machine does slows both: their difference is the data plane's.
    """
    async with given.half(instance, 0) as straight, given.half(port, given.sockets) as through:
        await asyncio.sleep(given.seconds)
    return straight, through


async def _shifting(port: int, given: Given) -> tuple[SplitLoad, list[float]]:
    """Move the split up and down under load, with the hook that releases use.

    :return: the load, and per shift the milliseconds until the hook has seen the new split in force.
    """
    hook = CloudRunTrafficHook()
    took = []
    async with given.load(port) as load:
        for number in range(given.shifts):
            percent = _PERCENTS[number % len(_PERCENTS)]
            begun = time.perf_counter()
            split = {"bench-a": 100 - percent, "bench-b": percent}
            change = await hook.call_async(partial(_shift, split=split))
            took.append((time.perf_counter() - begun) * 1000)
            assert change.changed
            await asyncio.sleep(_BETWEEN_SHIFTS_SECONDS)
    return load, sorted(took)


def _shift(hook: CloudRunTrafficHook, split: dict[str, int]) -> TrafficChange:
    return hook.set_traffic(ServiceAddress("test", LOCATION, "bench"), split=split, timeout=30)


async def _measure(cloud: CloudProcess, given: Given) -> bool:
    clients = Clients(cloud.settings)
    await asyncio.to_thread(clients.create, "bench", clients.template(revision="bench-a", instances=2))
    service = await asyncio.to_thread(
        clients.update,
        run_v2.Service(
            name=f"projects/test/locations/{LOCATION}/services/bench",
            template=clients.template(revision="bench-b", instances=2),
            traffic=[to("bench-a", 100), to("bench-b", tag="candidate")],
        ),
    )
    clients.close()
    port = int(service.uri.rpartition(":")[2])
    straight, through = await _side_by_side(cloud.settings.instance_ports[0], port, given)
    rows = {"straight to an instance": straight, "through the data plane": through}
    moving, took = await _shifting(port, given)
    rows[f"during {given.shifts} shifts"] = moving
    _print(rows, took, given)
    return not any(load.seen.errors or load.seen.closed for load in rows.values())


def _print(rows: dict[str, SplitLoad], took: list[float], given: Given) -> None:
    table = Table(
        "",
        "requests",
        "failed",
        "WebSockets",
        "closed unasked",
        "p50 ms",
        "p95 ms",
        title=f"{given.rate:g} requests/s, {given.sockets} WebSockets",
    )
    for name, load in rows.items():
        seen = load.seen
        table.add_row(
            name,
            f"{seen.requests:,}",
            str(len(seen.errors)),
            str(sum(seen.sockets_by_revision.values())),
            str(len(seen.closed)),
            f"{seen.percentile(50):.2f}",
            f"{seen.percentile(95):.2f}",
        )
    console = Console(width=110)
    console.print(table)
    straight, through, _ = (load.seen for load in rows.values())
    added = {percent: through.percentile(percent) - straight.percentile(percent) for percent in (50, 95)}
    console.print(f"added by the data plane: p50 {added[50]:.2f} ms, p95 {added[95]:.2f} ms")
    console.print(
        f"from the hook's call to the split seen in force: p50 {took[len(took) // 2]:.0f} ms, "
        f"p95 {took[int(len(took) * 0.95)]:.0f} ms"
    )
    for load in rows.values():
        for line in [*load.seen.errors, *load.seen.closed][:_LINES_SHOWN]:
            console.print(line)


def main() -> int:
    """Run the benchmark and print its table.

    :return: exit code: 1 when a request failed or a WebSocket was closed.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.traffic_shift", description=__doc__)
    parser.add_argument("--rate", type=float, default=500, help="requests per second")
    parser.add_argument("--sockets", type=int, default=200, help="open WebSockets")
    parser.add_argument("--shifts", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=15.0, help="length of the load without shifts")
    given = Given(**vars(parser.parse_args()))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.yaml"
        command = ["python", str(_APPLICATION)]
        images.write_text(json.dumps({"test/app": {"command": command, "tags": {"1": {}}}}))
        settings = Settings(Path(folder).resolve(), Settings.from_environment().port_base)
        extra = {
            "project": "test",
            "is_anonymous": True,
            "api_endpoints": {"run": f"http://{HOST}:{settings.google_port}"},
        }
        os.environ["AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"] = json.dumps(
            {"conn_type": "google_cloud_platform", "extra": extra}
        )
        cloud = CloudProcess(settings, images)
        cloud.start()
        try:
            return 0 if asyncio.run(_measure(cloud, given)) else 1
        finally:
            cloud.stop()


if __name__ == "__main__":
    sys.exit(main())
