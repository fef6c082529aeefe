"""Sends the policy's synthetic requests while a phase bakes: beside the bake, and never in its way."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from slipway.ledger.audit import audit
from slipway.policy.release import PhaseName
from slipway.release.address import asked_url, identity_audience, service_address
from slipway.triggers.threads import READ, in_thread

if TYPE_CHECKING:
    from slipway.hooks.synthetic_requests import SyntheticRequestsHook
    from slipway.ledger.ledger import Release

#: The URLs are read again, and who calls is proven again: an identity token is good for an hour.
RENEW_SECONDS = 1800.0
RETRY_SECONDS = 30.0


@asynccontextmanager
async def synthetic_requests(
    release: Release, phase: PhaseName, gcp_conn_id: str, *, log: Any
) -> AsyncIterator[None]:
    """Send synthetic requests while the block runs; none where the policy has none.

    What goes wrong with them is in the log, and is a lack of evidence: their metrics hold the release.

    :param release: the release.
    :param phase: the phase that bakes.
    :param gcp_conn_id: connection to Google Cloud, which knows the URLs.
    :param log: of the bake.
    """
    from slipway.hooks.synthetic_requests import SyntheticRequestsHook

    rules = release.policy.synthetic_requests
    if rules is None:
        yield
        return
    hook = SyntheticRequestsHook(rules)
    sending = asyncio.create_task(
        _send(hook, release, gcp_conn_id, every=1 / rules.requests_per_second, log=log)
    )
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        audit(
            log,
            f"Synthetic requests of the {phase} bake: {hook.sent:,} sent, {hook.unanswered:,} not answered",
            release=release.release_id,
            entry=f"synthetic/{phase}",
            sent=hook.sent,
            unanswered=hook.unanswered,
        )


async def _send(
    hook: SyntheticRequestsHook, release: Release, gcp_conn_id: str, *, every: float, log: Any
) -> None:
    while True:
        try:
            urls, headers = await in_thread(READ, lambda: _targets(release, gcp_conn_id))
            async with hook:
                await _send_to(hook, urls, headers, every=every, beats=max(1, round(RENEW_SECONDS / every)))
        except Exception as error:  # noqa: BLE001 - the bake goes on whatever happens here
            log.warning(
                "No synthetic requests are sent for now",
                release=release.release_id,
                error=f"{type(error).__name__}: {error}",
            )
            await asyncio.sleep(RETRY_SECONDS)


async def _send_to(
    hook: SyntheticRequestsHook, urls: Sequence[str], headers: Mapping[str, str], *, every: float, beats: int
) -> None:
    """Send each request of the journey to every URL in turn, at even distances, whenever the answers come."""
    loop = asyncio.get_running_loop()
    began, step = loop.time(), every / len(urls)
    async with asyncio.TaskGroup() as group:
        for beat, (number, url) in enumerate(itertools.product(range(beats), urls)):
            await asyncio.sleep(began + beat * step - loop.time())
            group.create_task(hook.send(number, url, headers=headers))


def _targets(release: Release, gcp_conn_id: str) -> tuple[list[str], Mapping[str, str]]:
    """Return the URL of the new revision's tag and the service's, and who calls."""
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, revision_uri
    from slipway.hooks.google.identity_token import IdentityToken

    policy, service = release.policy, release.plan.progressive
    key = policy.progressive_service
    live = CloudRunTrafficHook(gcp_conn_id=gcp_conn_id).get_service(
        service_address(policy, service.names["production"])
    )
    urls = [revision_uri(live, policy.environments["production"].tag), asked_url(policy, key, live)]
    if not policy.services[key].requires_identity:
        return urls, {}
    return urls, IdentityToken(gcp_conn_id).headers(identity_audience(policy, key, live))
