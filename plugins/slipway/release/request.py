"""What is asked of a release, checked before anything changes, and the plan that comes of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from slipway.exceptions import RequestRefused
from slipway.ledger.plan import VERSION_PATTERN, PlannedService, ReleasePlan, release_id
from slipway.policy.release import Policy, parse_policy

REVISION_NAME_LIMIT = 63
FEWEST_REASON_LETTERS = 10


class ValidatedRequest(BaseModel):
    """A request that passed every check, as the preflight tasks hand it on.

    :param plan: what is released.
    :param policy: what it is judged by.
    """

    model_config = ConfigDict(frozen=True)

    plan: ReleasePlan
    policy: Policy

    def as_xcom(self) -> dict[str, Any]:
        """Return plain data for an XCom."""
        return {"plan": self.plan.model_dump(mode="json"), "policy": self.policy.model_dump(mode="json")}

    @classmethod
    def from_xcom(cls, value: Mapping[str, Any]) -> ValidatedRequest:
        """Read what :meth:`as_xcom` returned.

        :param value: the XCom.
        :raises PolicyError: when the policy cannot be used as written.
        """
        plan = ReleasePlan.model_validate(value["plan"])
        return cls(plan=plan, policy=parse_policy(value["policy"], source=plan.policy_name))


def plan_release(
    request: Mapping[str, Any],
    *,
    run_id: str,
    known_fields: Sequence[str],
    policy: Policy,
    resolve_digest: Callable[[str], str],
) -> ReleasePlan:
    """Check a request and work out the plan; touches nothing but the registry, and that only to read.

    :param request: the run's conf: ``version``, and optionally ``services``, ``images``, ``canary_percent``.
    :param run_id: Airflow run id.
    :param known_fields: fields a request may have.
    :param policy: the policy the release is judged by.
    :param resolve_digest: image with tag to image with digest.
    :raises RequestRefused: naming the field, its value and what is allowed.
    :raises ImageNotFound: when the registry does not have an image.
    """
    version = requested_version(request, known_fields)
    broken = requested_over_broken_stable(request)
    outside = requested_outside_windows(request)
    leave_out = requested_flag(request, "leave_out_newest")
    chosen = _chosen_services(request.get("services"), policy)
    images = _chosen_images(request.get("images"), chosen, policy)
    identifier = release_id(version, run_id)
    services = {}
    for key in chosen:
        service = policy.services[key]
        names = {environment: service.names[environment] for environment in policy.environments}
        revisions = {environment: f"{name}-{identifier}" for environment, name in names.items()}
        for name in revisions.values():
            if len(name) > REVISION_NAME_LIMIT:
                raise RequestRefused(
                    f"version={version!r}: revision {name} is over {REVISION_NAME_LIMIT} characters"
                )
        services[key] = PlannedService(
            image=resolve_digest(images.get(key, f"{service.image}:{version}")),
            progressive=service.rollout == "progressive",
            names=names,
            revisions=revisions,
        )
    return ReleasePlan(
        release_id=identifier,
        run_id=run_id,
        version=version,
        policy_name=policy.name,
        stable_is_broken=broken,
        leave_out_newest=leave_out,
        release_again=requested_flag(request, "release_again"),
        outside_windows=outside,
        services=services,
    )


def requested_version(request: Mapping[str, Any], known_fields: Sequence[str]) -> str:
    """Return the version that a request asks for, when it has no field that it should not have.

    :param request: what the form or the command holds, by field.
    :param known_fields: fields a request may have.
    :raises RequestRefused: naming the field, its value and what is allowed.
    """
    _refuse_unknown(request, known_fields)
    version = request.get("version")
    if not isinstance(version, str) or not re.fullmatch(VERSION_PATTERN, version):
        raise RequestRefused(f"version={version!r}: must look like 1.4.2 or 1.4.2-hotfix")
    return version


def requested_over_broken_stable(request: Mapping[str, Any]) -> bool:
    """Return whether a request says that what serves is broken, and why.

    :param request: what the form or the command holds, by field.
    :raises RequestRefused: when it does not say why.
    """
    return _with_a_reason(
        request, "stable_is_broken", "a release over a broken stable must say what is broken"
    )


def requested_outside_windows(request: Mapping[str, Any]) -> bool:
    """Return whether a request begins production outside the release windows, and why.

    :param request: what the form or the command holds, by field.
    :raises RequestRefused: when it does not say why.
    """
    return _with_a_reason(
        request, "outside_windows", "a release outside the release windows must say why it cannot wait"
    )


def _with_a_reason(request: Mapping[str, Any], field: str, demand: str) -> bool:
    asked, reason = requested_flag(request, field), str(request.get("reason") or "").strip()
    if asked and len(reason) < FEWEST_REASON_LETTERS:
        raise RequestRefused(
            f"reason={reason!r}: {demand}, in at least {FEWEST_REASON_LETTERS} characters; it is kept on"
            " record"
        )
    return asked


def requested_flag(request: Mapping[str, Any], field: str) -> bool:
    """Return a field of a request that is yes or no; no when it is left out.

    :param request: what the form or the command holds, by field.
    :param field: its name.
    :raises RequestRefused: when it is neither.
    """
    value = request.get(field, False)
    if not isinstance(value, bool):
        raise RequestRefused(f"{field}={value!r}: must be true or false")
    return value


def _refuse_unknown(request: Mapping[str, Any], known_fields: Sequence[str]) -> None:
    unknown = sorted(set(request) - set(known_fields))
    if unknown:
        raise RequestRefused(
            f"{unknown[0]}={request[unknown[0]]!r}: unknown field; a release takes {', '.join(known_fields)}"
        )


def _chosen_services(wanted: object, policy: Policy) -> list[str]:
    if wanted is None:
        return list(policy.services)
    if not isinstance(wanted, list) or not wanted:
        raise RequestRefused(f"services={wanted!r}: must be a list out of {', '.join(policy.services)}")
    for key in wanted:
        if key not in policy.services:
            raise RequestRefused(
                f"services={key!r}: unknown service; the policy has {', '.join(policy.services)}"
            )
    if policy.progressive_service not in wanted:
        raise RequestRefused(
            f"services={wanted!r}: must contain {policy.progressive_service}, whose evidence decides"
        )
    return [key for key in policy.services if key in wanted]


def _chosen_images(images: object, chosen: Sequence[str], policy: Policy) -> Mapping[str, str]:
    if images is None:
        return {}
    if not isinstance(images, dict):
        raise RequestRefused(f"images={images!r}: must map a service to an image reference")
    for key, image in images.items():
        if key not in chosen:
            raise RequestRefused(
                f"images.{key}={image!r}: not a service of this release ({', '.join(chosen)})"
            )
        if not isinstance(image, str):
            raise RequestRefused(f"images.{key}={image!r}: must be an image reference")
        allowed = policy.images.allowed(policy.services[key].image)
        if not image.startswith(tuple(f"{place}{mark}" for place in allowed for mark in ":@")):
            raise RequestRefused(
                f"images.{key}={image!r}: must be in {' or '.join(allowed)}, with a tag or digest; the"
                " policy's images.registries names more places"
            )
    return images
