"""What the local data plane adds to a request, and what moving traffic costs.

``python -m bench.traffic_shift`` starts a cloud of its own in a temporary folder with one service of two
revisions (two instances each), and loads it three times: straight to an instance, through the data plane,
and through the data plane while the split moves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from google.cloud import run_v2
from rich.console import Console
from rich.table import Table

from bench.running_cloud import Clients, CloudProcess, to
from bench.split_load import SplitLoad
from sandbox.settings import REPOSITORY, Settings

_APPLICATION = REPOSITORY / "bench/container_app.py"
_PERCENTS = (10, 50, 100, 50, 10, 0)


async def _steady(port: int, seconds: float) -> SplitLoad:
    async with SplitLoad(port, clients=4) as load:
        await asyncio.sleep(seconds)
    return load


async def _shifting(
    cloud: CloudProcess, clients: Clients, service: Any, shifts: int
) -> tuple[SplitLoad, list[float]]:
    """Move the split to and fro under load.

    :returns: the load, and per shift the milliseconds from the call to the split being in force.
    """
    asked = []
    async with SplitLoad(_port(service.uri), clients=4, slow_clients=2, sockets=8) as load:
        for number in range(shifts):
            percent = _PERCENTS[number % len(_PERCENTS)]
            asked.append(time.time())
            await asyncio.to_thread(
                clients.shift, service.name, to("bench-a", 100 - percent), to("bench-b", percent)
            )
            await asyncio.sleep(0.05)
    # the line of the deployment comes first
    applied = [line["at"] for line in cloud.traffic_log("bench")][1:]
    return load, [(end - begin) * 1000 for begin, end in zip(asked, applied, strict=True)]


async def _measure(cloud: CloudProcess, shifts: int, seconds: float) -> None:
    clients = Clients(cloud.settings)
    await asyncio.to_thread(clients.create, "bench", clients.template(revision="bench-a", instances=2))
    service = await asyncio.to_thread(
        clients.update,
        run_v2.Service(
            name="projects/test/locations/us-central1/services/bench",
            template=clients.template(revision="bench-b", instances=2),
            traffic=[to("bench-a", 100), to("bench-b", tag="candidate")],
        ),
    )
    instance = cloud.settings.instance_ports[0]
    rows = {
        "straight to an instance": await _steady(instance, seconds),
        "through the data plane": await _steady(_port(service.uri), seconds),
    }
    moving, delays = await _shifting(cloud, clients, service, shifts)
    rows[f"during {shifts} shifts"] = moving
    clients.close()
    _print(rows, sorted(delays))


def _print(rows: dict[str, SplitLoad], delays: list[float]) -> None:
    table = Table("", "requests", "errors", "WebSockets closed", "p50 ms", "p95 ms")
    for name, load in rows.items():
        seen = load.seen
        # the slow clients' requests are slow on purpose
        quick = sorted(m for m in seen.milliseconds if m < 300)
        table.add_row(
            name,
            str(seen.requests),
            str(len(seen.errors)),
            f"{len(seen.closed)} of {sum(seen.sockets_by_revision.values())}",
            f"{quick[len(quick) // 2]:.2f}",
            f"{quick[int(len(quick) * 0.95)]:.2f}",
        )
    console = Console(width=100)
    console.print(table)
    middle, high = delays[len(delays) // 2], delays[int(len(delays) * 0.95)]
    console.print(f"from update_service to the new split in force: p50 {middle:.1f} ms, p95 {high:.1f} ms")


def _port(uri: str) -> int:
    return int(uri.rpartition(":")[2])


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m bench.traffic_shift", description=__doc__)
    parser.add_argument("--shifts", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each of the first two loads")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.yaml"
        command = ["python", str(_APPLICATION)]
        images.write_text(json.dumps({"test/app": {"command": command, "tags": {"1": {}}}}))
        settings = Settings(Path(folder).resolve(), Settings.from_environment().port_base)
        cloud = CloudProcess(settings, images)
        cloud.start()
        try:
            asyncio.run(_measure(cloud, given.shifts, given.seconds))
        finally:
            cloud.stop()


if __name__ == "__main__":
    main()
