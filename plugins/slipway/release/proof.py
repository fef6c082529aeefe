"""Proves that a release by a policy could be made now: each thing it needs, asked once of the live system."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from slipway.exceptions import SlipwayError
from slipway.paths import INCLUDE
from slipway.release.address import service_address
from slipway.release.as_found import service_findings

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.policy.environment import Database
    from slipway.policy.metrics import Metric
    from slipway.policy.release import EnvironmentName, Policy, Service

LOCK_SECONDS = 60
PROMQL, LEDGER = "slipway_promql", "slipway_ledger"


@dataclass(frozen=True)
class Proof:
    """One thing that a release needs.

    :param what: what was asked, with the permission that it takes.
    :param holds: None where it is only named: a release can be made.
    :param found: what was found; when it does not hold, what to do.
    """

    what: str
    holds: bool | None
    found: str


def proofs(policy: Policy) -> Iterator[Proof]:
    """Yield everything that a release by a policy needs, each proved by the call that a release makes.

    :param policy: the policy.
    """
    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook

    yield from _ledger()
    hook = CloudRunTrafficHook()
    try:
        for key, service in policy.services.items():
            for environment in policy.environments:
                yield from _service(policy, key, service, environment, hook)
        yield from _metrics(policy, hook)
    finally:
        hook.close()
    for environment, place in policy.environments.items():
        for document in policy.configuration:
            yield _asked(
                f"secret {place.secret(document)} (secretmanager.versions.list)",
                partial(_secret, place.project_id, place.secret(document)),
            )
        if place.database is not None:
            yield _asked(
                f"database of {environment} via {place.database.connection}",
                partial(_database, policy, environment),
            )
            yield _asked(
                f"Cloud SQL {place.database.instance} (cloudsql.instances.get)",
                partial(_instance, place.project_id, place.database),
            )
    yield from _others(policy)


def _asked(what: str, ask: Callable[[], str]) -> Proof:
    """Ask, and turn every refusal into what to do."""
    try:
        return Proof(what, True, ask())
    except SlipwayError as error:
        return Proof(what, False, str(error))
    except Exception as error:  # noqa: BLE001  a missing connection, a refused login: the table names each
        return Proof(what, False, f"{type(error).__name__}: {' '.join(str(error).split())}")


def _ledger() -> Iterator[Proof]:
    from slipway.ledger.ledger import Ledger

    def newest() -> str:
        from psycopg.errors import UndefinedTable

        try:
            found = Ledger(LEDGER).listing.releases(limit=1)
        except UndefinedTable as error:
            raise SlipwayError("has no tables yet; make them: python -m slipway migrate-ledger") from error
        return f"the newest release is {found[0].release_id}" if found else "no release yet"

    yield _asked(f"ledger via {LEDGER}", newest)


def _service(
    policy: Policy, key: str, service: Service, environment: EnvironmentName, hook: CloudRunTrafficHook
) -> Iterator[Proof]:
    from slipway.hooks.cloud_run.hook import serving_split

    name = service.names[environment]
    address = service_address(policy, name, environment)
    read: list[run_v2.Service] = []

    def serves() -> str:
        read.append(hook.get_service(address))
        split = serving_split(read[0])
        return ", ".join(f"{revision} {percent} %" for revision, percent in split.items()) or "nothing yet"

    yield _asked(f"service {name} (run.services.get)", serves)
    if not read:
        return
    revision = next(iter(serving_split(read[0])), None)
    if revision is None:
        return
    made: list[run_v2.Revision] = []

    def image() -> str:
        from slipway.hooks.cloud_run.revision import image_of
        from slipway.hooks.container_registry import ContainerRegistryHook

        made.append(hook.get_revision(address, revision))
        hook.list_revisions(address)
        return ContainerRegistryHook().resolve_digest(image_of(made[0]))

    yield _asked(
        f"image of {revision} (run.revisions.get, run.revisions.list,"
        " artifactregistry.repositories.downloadArtifacts)",
        image,
    )
    if environment == "production":
        yield _asked(f"lock of {name} (run.services.update)", partial(_lock, policy, name, hook))
        for finding in service_findings(policy, key, read[0], made[0] if made else None):
            yield Proof(f"service {name} as it is", False if finding.refuses else None, finding.text)


def _lock(policy: Policy, name: str, hook: CloudRunTrafficHook) -> str:
    """Take the lock of a service as a release does, and take it off again."""
    from slipway.hooks.cloud_run.hook import Lease

    now, address = datetime.now(UTC), service_address(policy, name)
    lease = Lease(f"check-{now:%Y%m%d%H%M%S}", "slipway check", now + timedelta(seconds=LOCK_SECONDS))
    hook.take_lease(address, lease, timeout=LOCK_SECONDS)
    hook.free_lease(address, lease.release, timeout=LOCK_SECONDS)
    return "taken and taken off"


def _metrics(policy: Policy, hook: CloudRunTrafficHook) -> Iterator[Proof]:
    from slipway.hooks.cloud_run.hook import serving_split

    name = policy.services[policy.progressive_service].names["production"]
    try:
        revisions = list(serving_split(hook.get_service(service_address(policy, name))))
    except SlipwayError:
        return  # named above
    for key, metric in policy.metrics.items():
        ask = partial(_answers, policy, {key: metric}, name, revisions)
        yield _asked(f"metric {key} (monitoring.timeSeries.list)", ask)


def _answers(policy: Policy, metric: Mapping[str, Metric], service: str, revisions: Sequence[str]) -> str:
    from slipway.hooks.metrics.bucket_edges import check_bucket_edges, stood_in
    from slipway.hooks.metrics.promql import PromQLHook
    from slipway.hooks.metrics.query_check import check_queries

    promql = PromQLHook(conn_id=PROMQL, replica_labels=policy.decision.replica_labels)
    address = service_address(policy, service)
    warnings = check_queries(promql, metric, service=address, revisions=revisions)
    found: dict[str, list[float]] = {}
    for revision in revisions:
        found |= check_bucket_edges(promql, metric, service=address, revision=revision)
    return "; ".join([*warnings, *stood_in(metric, found)]) or "answers"


def _secret(project: str, secret: str) -> str:
    from slipway.hooks.secret_manager import SecretVersionHook

    with closing(SecretVersionHook()) as hook:
        version = hook.newest_version(project_id=project, secret=secret)
    return f"newest version {version}" if version else "no version yet; the first release adds it"


def _database(policy: Policy, environment: EnvironmentName) -> str:
    from slipway.hooks.postgres.migrations import SchemaHook
    from slipway.release.schema import identity_of

    hook = SchemaHook(policy.database(environment).connection)
    hook.require_own_session()
    return f"{len(hook.applied(identity_of(policy, environment)))} migrations applied"


def _instance(project: str, database: Database) -> str:
    from slipway.hooks.cloud_sql import CloudSqlBackupHook

    with closing(CloudSqlBackupHook()) as hook:
        size = hook.disk_bytes(project_id=project, instance=database.instance)
    return f"a disk of {size / 2**30:.0f} GiB"


def _others(policy: Policy) -> Iterator[Proof]:
    from airflow.sdk import BaseHook

    def kind_of(connection: str, kind: str) -> str:
        found = BaseHook.get_connection(connection).conn_type
        if found != kind:
            raise SlipwayError(f"connection {connection}: type {found!r}; must be {kind}")
        return f"a connection of type {kind}"

    for connection, kind in ((policy.git_connection, "git"), (policy.notified_via, "apprise")):
        if connection is not None:
            yield _asked(f"connection {connection}", partial(kind_of, connection, kind))
    validation = policy.staging_validation
    folders = {} if validation is None else {f"suite {k}": s.path for k, s in validation.suites.items()}
    if policy.warm_up is not None:
        folders["smoke tests"] = policy.warm_up.suite
    for what, folder in folders.items():
        there = (INCLUDE / folder).is_dir()
        yield Proof(what, there, f"include/{folder}" + ("" if there else ": make this folder"))
