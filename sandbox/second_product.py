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
from google.api_core.exceptions import NotFound
from google.cloud import run_v2

from sandbox.seed import clients
from sandbox.seed.services import CREATE_TIMEOUT_SECONDS, POLLING
from sandbox.supervisor.settings import HOST, LOCATION, Settings

PROJECT, SERVICE = "sandbox-production", "exchange-rates"
REPOSITORY, VERSION = "rates/exchange-rates", "1.0.0"
REQUESTS_PER_SECOND = 40.0
_BY_NAME = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION


def ensure(settings: Settings) -> str:
    """Make the service where it is missing, with its traffic pinned by revision name.

    :param settings: where the sandbox lives, and its ports.
    :return: its URL.
    """
    client, parent = clients.services(settings), f"projects/{PROJECT}/locations/{LOCATION}"
    name = f"{parent}/services/{SERVICE}"
    try:
        return str(client.get_service(name=name, timeout=10).uri)
    except NotFound:
        image = f"{HOST}:{settings.registry_port}/{REPOSITORY}:{VERSION}"
        template = run_v2.RevisionTemplate(
            scaling=run_v2.RevisionScaling(min_instance_count=1, max_instance_count=10),
            containers=[run_v2.Container(image=image)],
        )
    made = client.create_service(
        parent=parent, service_id=SERVICE, service=run_v2.Service(template=template), timeout=10
    ).result(timeout=CREATE_TIMEOUT_SECONDS, polling=POLLING)
    revision = made.latest_ready_revision.rpartition("/")[2]
    target = run_v2.TrafficTarget(type_=_BY_NAME, revision=revision, percent=100)
    pinned = client.update_service(
        service=run_v2.Service(name=name, traffic=[target], etag=made.etag),
        update_mask={"paths": ["traffic"]},
        timeout=10,
    ).result(timeout=CREATE_TIMEOUT_SECONDS, polling=POLLING)
    return str(pinned.uri)


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
