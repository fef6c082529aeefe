"""What the parts of a policy demand of one another; each part by itself is checked where it is defined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import get_args

from slipway.policy.fields import PhaseName, PolicyFields
from slipway.policy.metrics import QuantileMetric, ShareMetric, expressions
from slipway.policy.staging import SuiteName

PHASES: Sequence[PhaseName] = ("canary", "half", "full")


def problems(policy: PolicyFields) -> Iterator[str]:
    """Yield what does not fit together, each with the field, its value and what is allowed.

    :param policy: the policy.
    """
    yield from _whole(policy)
    yield from _environments(policy)
    yield from _pairs(policy)
    yield from _questions(policy)
    yield from _references(policy)
    yield from _documents(policy)
    yield from _regions(policy)
    yield from _success(policy)
    yield from _synthetic(policy)
    yield from _lease(policy)


def _whole(policy: PolicyFields) -> Iterator[str]:
    if "production" not in policy.environments:
        yield "environments: production missing"
    missing = [key for key in PHASES if key not in policy.phases]
    if missing:
        yield f"phases: {', '.join(missing)} missing"
    if [s.rollout for s in policy.services.values()].count("progressive") != 1:
        yield "services: exactly one must have rollout: progressive"
    for key, service in policy.services.items():
        for environment in policy.environments.keys() - service.names.keys():
            yield f"services.{key}.names: {environment} missing"
    percents = [policy.phases[name].traffic_percent for name in PHASES]
    if percents != sorted(set(percents)) or percents[-1] != 100:
        yield f"phases: traffic_percent {percents}: must rise and end at 100"


def _environments(policy: PolicyFields) -> Iterator[str]:
    """Yield what an environment has without what it needs."""
    for name, place in policy.environments.items():
        if (place.database is None) is not (policy.migrations is None):
            have, lack = "environments.{0}.database", "migrations"
            if place.database is None:
                have, lack = lack, have
            yield f"{have.format(name)}: needs {lack.format(name)}; state both, or neither"
        if policy.configuration and place.secret_prefix is None:
            yield f"environments.{name}.secret_prefix: missing; it names the documents of configuration"
    if policy.infrastructure.cloud_sql is not None and policy.migrations is None:
        yield "infrastructure.cloud_sql: needs environments.production.database"


def _pairs(policy: PolicyFields) -> Iterator[str]:
    """Yield what is there without what it needs."""
    validation, checklist = policy.staging_validation, policy.checklist
    if (policy.release_tag is None) is not (policy.git_connection is None):
        yield "release_tag and git_connection: state both, or neither"
    for name in validation.suites.keys() - set(get_args(SuiteName)) if validation else ():
        yield f"staging_validation.suites: {name} is not one of {', '.join(get_args(SuiteName))}"
    if "staging" not in policy.environments:
        for part, present in (
            ("staging_validation", validation),
            ("checklist.rollback_drill", checklist.rollback_drill),
        ):
            if present is not None:
                yield f"{part}: needs environments.staging"
    if checklist.business_value is not None and (validation is None or validation.load_test is None):
        yield "checklist.business_value: needs staging_validation.load_test, which measures the saving"


def _questions(policy: PolicyFields) -> Iterator[str]:
    asks = {"answered_by": policy.answered_by}
    asks |= {f"gates.{phase}.answered_by": gate.answered_by for phase, gate in policy.gates.items()}
    if policy.approval is not None:
        asks["approval.answered_by"] = policy.approval.answered_by
    for where, found in asks.items():
        for role in () if found is None else found.roles:
            if role not in policy.roles:
                yield f"{where}.roles: {role} is not one of roles ({', '.join(policy.roles) or 'none'})"
    if policy.on_foreign_template == "ask" and policy.approval is None:
        yield "on_foreign_template=ask: needs approval, which says how long to wait"


def _references(policy: PolicyFields) -> Iterator[str]:
    services = ", ".join(policy.services)
    for name, place in policy.environments.items():
        for key in (place.database.found_by if place.database else {}).keys() - policy.services.keys():
            yield f"environments.{name}.database.found_by: {key} is not one of {services}"
    for key in policy.migrations.services if policy.migrations else ():
        if key not in policy.services:
            yield f"migrations.services: {key} is not one of {services}"
    if policy.infrastructure.load_balancer is not None and policy.load_balancer is None:
        yield "infrastructure.load_balancer: needs load_balancer, which names the backend services"
    for key in policy.load_balancer.backend_services if policy.load_balancer else ():
        if key not in policy.services:
            yield f"load_balancer.backend_services: {key} is not one of {services}"
    key = policy.traffic_share.request_metric
    if getattr(policy.metrics.get(key), "kind", None) not in ("share", "quantile"):
        yield f"traffic_share.request_metric={key}: must be a metric of kind share or quantile"


def _documents(policy: PolicyFields) -> Iterator[str]:
    mounts = {f"services.{key}.secrets": service.secrets for key, service in policy.services.items()}
    if policy.staging_validation is not None:
        mounts["staging_validation.documents"] = policy.staging_validation.documents
    for where, variables in mounts.items():
        for document in variables.values():
            if document not in policy.configuration:
                have = ", ".join(policy.configuration)
                yield f"{where}: {document} is not one of configuration's documents ({have})"


def _regions(policy: PolicyFields) -> Iterator[str]:
    staging, production = policy.environments.get("staging"), policy.environments["production"]
    if staging is not None and len(staging.regions) > 1:
        yield (
            f"environments.staging.regions={', '.join(staging.regions)}: a version is validated in one"
            " region; name that one"
        )
    if len(production.regions) == 1:
        return
    each = f"production has {len(production.regions)} regions, each"
    for key, metric in policy.metrics.items():
        for name, expression in expressions(metric).items():
            if "$location" not in expression:
                yield (
                    f"metrics.{key}.{name}={expression}: {each} judged by what it serves itself; add"
                    ' location="$location"'
                )
    for key, service in policy.services.items():
        if service.url and "$location" not in service.url:
            yield f"services.{key}.url={service.url}: {each} asked by itself; add $location"


def _success(policy: PolicyFields) -> Iterator[str]:
    validation = policy.staging_validation
    known: Mapping[str, Collection[str]] = {
        "metrics": policy.metrics,
        "suites": () if validation is None else validation.suites,
    }
    for area, criteria in policy.success.by_area.items():
        for criterion in criteria:
            for name, of in known.items():
                for unknown in sorted(set(getattr(criterion, name)) - set(of)):
                    yield (
                        f"success.{area}: {criterion.title}: {name}: {unknown} is not one of {', '.join(of)}"
                    )


def _synthetic(policy: PolicyFields) -> Iterator[str]:
    """Yield where synthetic requests would be counted as users' requests, or the other way round."""
    rules = policy.synthetic_requests
    if rules is None:
        return
    where = "synthetic_requests.metrics"
    users, only = (f'{rules.label}!="true"', f'{rules.label}="false"'), (f'{rules.label}="true"',)
    for real, synthetic in rules.metrics.items():
        for key, marks in ((real, users), (synthetic, only)):
            metric = policy.metrics.get(key)
            if not isinstance(metric, ShareMetric | QuantileMetric):
                yield f"{where}: {key}: must be a metric of kind share or quantile"
                continue
            for name, expression in expressions(metric).items():
                if not any(mark in expression for mark in marks):
                    yield (
                        f"metrics.{key}.{name}={expression}: {where} has it; add {' or '.join(marks)},"
                        " so that users' requests and synthetic ones are counted apart"
                    )
    for service in policy.services.values():
        if rules.connection and service.rollout == "progressive" and (service.url or "").startswith("http:"):
            yield f"synthetic_requests.connection: its password is not sent in clear to {service.url}"
    key = policy.traffic_share.request_metric
    if key not in rules.metrics:
        yield (
            f"traffic_share.request_metric={key}: must be one of {where} ({', '.join(rules.metrics)}), or"
            " synthetic requests count as traffic of the split"
        )


def _lease(policy: PolicyFields) -> Iterator[str]:
    longest = dict(_phase_seconds(policy))
    name = max(longest, key=longest.__getitem__)
    if policy.lease_seconds < longest[name]:
        yield (
            f"lease_seconds={policy.lease_seconds:g}: must be at least {longest[name]:g}, which {name} may"
            " take"
        )


def _phase_seconds(policy: PolicyFields) -> Iterator[tuple[str, float]]:
    if policy.staging_validation is not None:
        yield "staging_validation", policy.staging_validation.timeout_seconds
    if policy.migrations is not None:
        restore = policy.migrations.rehearsal.restore_timeout_seconds
        yield "preparation", policy.backup_timeout_seconds + restore
    around = policy.deploy_timeout_seconds + policy.traffic_timeout_seconds
    if policy.warm_up is not None:
        around += policy.warm_up.instances_timeout_seconds + policy.warm_up.suite_timeout_seconds
    if policy.verification is not None:
        around += policy.verification.settle_seconds
    around += policy.slowest_ingestion_seconds + policy.decision.decision_timeout_seconds
    asked_in: Mapping[str, str] = {"canary": "canary", "half": "canary", "full": "half"}
    asks: defaultdict[str, float] = defaultdict(float)
    for following, gate in policy.gates.items():
        asks[asked_in[following]] += gate.answer_timeout_seconds
    for name, phase in policy.phases.items():
        yield (
            f"phases.{name}",
            around + phase.bake_seconds + phase.extension_seconds + asks[name],
        )
