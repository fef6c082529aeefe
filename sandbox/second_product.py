"""``python -m sandbox.second_product``: a stateless service beside the first product, and its users.

It begins at version 1.0.0. By ``include/policy/sandbox-rates.yaml`` 1.1.0 is promoted, and 1.2.0 and
1.1.0-slow are rolled back.
``--rate 0`` makes the service alone.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import httpx
from google.cloud import run_v2

from sandbox.seed import clients
from sandbox.seed.services import ensure_pinned
from sandbox.supervisor.settings import LOCATION, Settings

PROJECT, SERVICE = "sandbox-production", "exchange-rates"
REPOSITORY, VERSION = "rates/exchange-rates", "1.0.0"
REQUESTS_PER_SECOND = 40.0


def ensure(settings: Settings) -> str:
    """Make the service where it is missing, with its traffic pinned by revision name.

    :param settings: where the sandbox lives, and its ports.
    :return: its URL.
    """
    image = f"{settings.registry}/{REPOSITORY}:{VERSION}"
    template = run_v2.RevisionTemplate(
        scaling=run_v2.RevisionScaling(min_instance_count=1, max_instance_count=10),
        containers=[run_v2.Container(image=image)],
    )
    parent = f"projects/{PROJECT}/locations/{LOCATION}"
    return ensure_pinned(clients.services(settings), parent, SERVICE, template)


async def use(url: str, rate: float) -> None:
    """Ask for the rates, evenly, until cancelled.

    :param url: of the service.
    :param rate: requests per second.
    """
    async with httpx.AsyncClient(base_url=url, timeout=10) as client, asyncio.TaskGroup() as requests:
        while True:
            requests.create_task(_ask(client))
            await asyncio.sleep(1 / rate)


async def _ask(client: httpx.AsyncClient) -> None:
    try:
        await client.get("/v1/rates")
    except httpx.HTTPError as error:
        print(f"no answer: {error!r}", file=sys.stderr)


def main() -> None:
    """Make the service, and use it."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.second_product", description=__doc__)
    parser.add_argument("--rate", type=float, default=REQUESTS_PER_SECOND, help="requests per second")
    arguments = parser.parse_args()
    url = ensure(Settings.from_environment())
    print(f"{SERVICE} serves at {url}", flush=True)
    if arguments.rate:
        try:
            asyncio.run(use(url, arguments.rate))
        except KeyboardInterrupt:
            print("Its users are gone.")


if __name__ == "__main__":
    main()
