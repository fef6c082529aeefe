"""Services as they are found: what keeps a release from asking them, and what makes its evidence weaker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.policy.release import Policy


@dataclass(frozen=True)
class ServiceFinding:
    """One property of a service that a release must know.

    :param name: ``default_url_disabled``, ``ingress``, ``iap``, ``session_affinity``, ``invoker_check`` or
        ``secret_latest``.
    :param text: what follows from it, and what to do.
    :param refuses: whether a release cannot be carried out over it.
    """

    name: str
    text: str
    refuses: bool = False


def service_findings(
    policy: Policy, key: str, live: run_v2.Service, serving: run_v2.Revision | None
) -> list[ServiceFinding]:
    """Name what a release must know of a service before it begins. Pure: reads messages alone.

    :param policy: what the release asks of its services, and where.
    :param key: the service's key in the policy.
    :param live: the production service as read from the API.
    :param serving: the revision that serves; None when there is none.
    """
    found = [*_closed(policy, key, live), *_open(policy, key, live), *_unattested(policy, live)]
    if serving is not None:
        found += _serving(serving)
    return found


def _closed(policy: Policy, key: str, live: run_v2.Service) -> Iterator[ServiceFinding]:
    """Yield what keeps the workers from the URLs that a release asks."""
    from google.cloud import run_v2

    ingress = run_v2.IngressTraffic
    inside = policy.environments["production"].workers_inside
    if live.default_uri_disabled:
        reason = "its default URL is disabled, and the URLs of its tags with it"
        yield from _unreachable(policy, key, "default_url_disabled", reason, "enable the default URL")
    elif live.ingress == ingress.INGRESS_TRAFFIC_NONE or (
        live.ingress
        in (ingress.INGRESS_TRAFFIC_INTERNAL_ONLY, ingress.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER)
        and not inside
    ):
        reason = f"its ingress is {ingress(live.ingress).name}: its URLs answer 404 to callers outside"
        way = "set environments.production.workers_inside if the workers run inside the network"
        yield from _unreachable(policy, key, "ingress", reason, way)
    if live.iap_enabled and (policy.verification is not None or policy.warm_up is not None):
        text = (
            "Identity-Aware Proxy is in front, and turns away what a release asks; leave verification and"
            " warm_up out of the policy, or put the proxy before a load balancer instead"
        )
        yield ServiceFinding("iap", text, refuses=True)


def _unattested(policy: Policy, live: run_v2.Service) -> Iterator[ServiceFinding]:
    """Yield that Cloud Run would admit an image without a signature or attestation, where the policy asks."""
    admits = live.binary_authorization
    if policy.images.binary_authorization and not (admits.use_default or admits.policy):
        text = (
            "Binary Authorization is off, so that any image is admitted; turn it on, or leave"
            " images.binary_authorization out of the policy"
        )
        yield ServiceFinding("binary_authorization", text, refuses=True)


def _unreachable(policy: Policy, key: str, name: str, reason: str, way: str) -> Iterator[ServiceFinding]:
    elsewhere = policy.services[key].url
    if policy.warm_up is not None:
        yield ServiceFinding(
            name,
            f"{reason}, so the smoke tests cannot reach a new revision; {way}, or leave warm_up out of the"
            " policy",
            refuses=True,
        )
    if policy.verification is not None and elsewhere is None:
        yield ServiceFinding(
            name,
            f"{reason}, so nobody can see who answers after a shift; {way}, or set services.{key}.url to the"
            " URL that its users come by",
            refuses=True,
        )
    if elsewhere is not None:
        yield ServiceFinding(name, f"{reason}; who answers is asked at {elsewhere}")


def _open(policy: Policy, key: str, live: run_v2.Service) -> Iterator[ServiceFinding]:
    if policy.services[key].requires_identity and live.invoker_iam_disabled:
        yield ServiceFinding(
            "invoker_check",
            "its invoker check is disabled, so everybody may call it, although the policy says"
            " requires_identity; enable the check, or take requires_identity out",
        )


def _serving(serving: run_v2.Revision) -> Iterator[ServiceFinding]:
    from slipway.hooks.cloud_run.hook import secrets_of

    if serving.session_affinity:
        yield ServiceFinding(
            "session_affinity",
            "session affinity comes before the split: users stay on the revision that they have, so a canary"
            " gets new users first; where its share stays smaller than declared it is held, unless"
            " traffic_share.tolerance_percent allows for it",
        )
    unpinned = sorted(name for name, mount in secrets_of(serving).items() if mount.endswith(":latest"))
    if unpinned:
        yield ServiceFinding(
            "secret_latest",
            f"{', '.join(unpinned)} mount the newest version: a rollback returns the revision, and not what"
            " its new instances then read; the new revision mounts the policy's documents by number",
        )
