"""Run the local cloud in the foreground: ``python -m sandbox.cloud``."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

import uvloop

from sandbox.cloud.data_plane.haproxy_socket import DataPlaneError
from sandbox.cloud.server import Cloud
from sandbox.supervisor.settings import Settings

_IMAGES = Path(__file__).parent / "run" / "images.yaml"


async def _serve(settings: Settings, given: argparse.Namespace) -> None:
    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, until.set)
    cloud = Cloud(settings, given.images, given.start_seconds, given.monitoring_delay, given.spreading)
    await cloud.run(until)


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    :return: exit code: 0 when stopped, 1 when it could not start or lost its data plane.
    """
    parser = argparse.ArgumentParser(prog="python -m sandbox.cloud", description=__doc__)
    parser.add_argument("--images", type=Path, default=_IMAGES, help="YAML file of the registry's images")
    parser.add_argument(
        "--start-seconds", type=float, default=20.0, help="how long an instance may take to become ready"
    )
    parser.add_argument(
        "--monitoring-delay", type=float, default=0.0, help="seconds until the platform's metrics can be read"
    )
    parser.add_argument(
        "--spreading", type=float, default=0.0, help="seconds until a new split is in force everywhere"
    )
    given = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        settings = Settings.from_environment()
        uvloop.run(_serve(settings, given))
    except (RuntimeError, DataPlaneError, ValueError, OSError) as error:
        print(f"sandbox.cloud: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
