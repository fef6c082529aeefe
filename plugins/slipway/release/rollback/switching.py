"""Switching services to a restored database: a revision of each like the one that serves but for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slipway.exceptions import RequestRefused, SchemaContractBroken
from slipway.hooks.secret_version import SecretVersion
from slipway.ledger.entries import DatabaseSwitched, SplitChange
from slipway.release.address import service_address
from slipway.release.serving_versions import serving_revision

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
    from slipway.hooks.cloud_sql import CloudSqlBackupHook, SqlInstance
    from slipway.hooks.secret_manager import SecretVersionHook
    from slipway.ledger.entries import BackupRestored, RollbackTier
    from slipway.ledger.ledger import Ledger, Release
    from slipway.policy.environment import DatabaseReference

_FIELD = "tier='restore'"
#: Cloud Run's own bound of a revision that names none.
_MAX_INSTANCES = 100


@dataclass(frozen=True)
class Target:
    """The restored instance.

    :param instance: as Cloud SQL shows it.
    :param databases: names of its databases.
    """

    instance: SqlInstance
    databases: Sequence[str]


@dataclass(frozen=True)
class Switch:
    """A service that is to be switched.

    :param service: name of the production service.
    :param base: the revision that serves when the traffic is back.
    :param revision: the new one.
    :param reference: how it finds the database.
    :param secret: the secret with the database's URL, and the version that the revision mounts; None without.
    """

    service: str
    base: run_v2.Revision
    revision: str
    reference: DatabaseReference
    secret: SecretVersion | None

    @property
    def described(self) -> str:
        """What of the service changes, in one line."""
        ways = [
            None if self.secret is None else f"a new version of the secret {self.secret.secret}",
            self.reference.instance_variable and f"the variable {self.reference.instance_variable}",
            "the Cloud SQL connection" if self.reference.cloud_sql_volume else None,
        ]
        named = " and ".join(way for way in ways if way)
        return f"{self.service}: revision {self.revision}, like {_short(self.base)} but for {named}"


@dataclass(frozen=True)
class CheckedSwitch:
    """What is switched, from where to where.

    :param source: the instance that serves.
    :param target: the restored one.
    :param switches: the services.
    """

    source: SqlInstance
    target: Target
    switches: tuple[Switch, ...]


def switches_of_tier(
    tier: RollbackTier, release: Release, ledger: Ledger, cloud_run: CloudRunTrafficHook
) -> tuple[Switch, ...]:
    """Return the services that a tier has to switch; changes nothing.

    :param tier: how far the rollback goes.
    :param release: the release to roll back.
    :param ledger: the record of the releases.
    :param cloud_run: the door to Cloud Run.
    :raises RequestRefused: when a service cannot be switched, with the way out.
    """
    if tier != "restore" or ledger.get(release.release_id, DatabaseSwitched) is not None:
        return ()
    from slipway.hooks.cloud_sql import CloudSqlBackupHook
    from slipway.hooks.secret_manager import SecretVersionHook

    with closing(CloudSqlBackupHook(gcp_conn_id=cloud_run.gcp_conn_id)) as cloud_sql:
        source = serving_instance(release, cloud_sql)
    secrets = SecretVersionHook(gcp_conn_id=cloud_run.gcp_conn_id)
    return planned_switches(release, source, cloud_run, secrets)


def planned_switches(
    release: Release, source: SqlInstance, cloud_run: CloudRunTrafficHook, secrets: SecretVersionHook
) -> tuple[Switch, ...]:
    """Return the services to switch to a restored instance; changes nothing.

    :param release: the release to roll back.
    :param source: the instance that serves.
    :param cloud_run: the door to Cloud Run.
    :param secrets: the door to Secret Manager.
    :raises RequestRefused: when the policy does not say how services find the database, or a revision does
        not find it so; with the way out.
    """
    policy, place = release.policy, release.policy.environments["production"]
    database = policy.database("production")
    if not database.found_by:
        raise RequestRefused(
            f"{_FIELD}: the policy of release {release.release_id} does not say how services find"
            f" {database.instance} (environments.production.database.found_by), so that none could be"
            " switched to a restored one; choose the tier traffic, or restore and switch by hand"
        )
    found = []
    for key, reference in database.found_by.items():
        name = policy.services[key].names["production"]
        serving = serving_revision(release, "production", name, cloud_run)
        if serving is None:
            raise RequestRefused(f"{_FIELD}: {name} had no revision before release {release.release_id}")
        base = cloud_run.get_revision(service_address(policy, name), serving)
        secret = _require_found(name, base, reference, source, place.project_id, secrets)
        revision = f"{name}-restored-{release.release_id.rpartition('-')[2]}"
        found.append(Switch(name, base, revision, reference, secret))
    return tuple(found)


def checked_switch(
    release: Release,
    restored: BackupRestored,
    cloud_sql: CloudSqlBackupHook,
    cloud_run: CloudRunTrafficHook,
    secrets: SecretVersionHook,
) -> CheckedSwitch:
    """Read both instances, and what is to be switched; changes nothing.

    :param release: the release, whose traffic is back.
    :param restored: the entry of the restore.
    :param cloud_sql: the door to Cloud SQL.
    :param cloud_run: the door to Cloud Run.
    :param secrets: the door to Secret Manager.
    :raises RequestRefused: when an instance is gone, or a revision does not find the database as the policy
        says.
    """
    where = {
        "project_id": release.policy.environments["production"].project_id,
        "instance": restored.instance,
    }
    new = cloud_sql.find_instance(**where)
    if new is None or new.state != "RUNNABLE":
        state = "gone" if new is None else new.state
        raise RequestRefused(f"{_FIELD}: instance {restored.instance} is {state}; nothing is switched to it")
    source = serving_instance(release, cloud_sql)
    switches = planned_switches(release, source, cloud_run, secrets)
    return CheckedSwitch(source, Target(new, cloud_sql.list_databases(**where)), switches)


def switch(
    release: Release, checked: CheckedSwitch, cloud_run: CloudRunTrafficHook, secrets: SecretVersionHook
) -> DatabaseSwitched:
    """Make a revision of each service that finds the restored database, then give it all the traffic.

    No traffic moves before every revision is ready. Each write is fenced by the state that was read, and done
    again it does nothing.

    :param release: the release, whose traffic is back.
    :param checked: the services and both instances.
    :param cloud_run: the door to Cloud Run.
    :param secrets: the door to Secret Manager.
    :return: the entry to put on record.
    :raises SchemaContractBroken: when another revision serves by now than the one that is to be replaced.
    :raises RequestRefused: when a revision does not find the database as the policy says.
    :raises CloudRunError: when Cloud Run refuses, or gives no usable answer.
    """
    from slipway.hooks.cloud_run.hook import serving_split

    etags: dict[str, str] = {}
    for one in checked.switches:
        live = cloud_run.get_service(service_address(release.policy, one.service))
        if serving_split(live) not in ({_short(one.base): 100}, {one.revision: 100}):
            raise SchemaContractBroken(
                f"{one.service} serves {serving_split(live)}, not {_short(one.base)} alone; return the"
                " traffic first"
            )
        etags[one.service] = _deploy(release, one, live.etag, checked, cloud_run, secrets)
    changes = {}
    for one in checked.switches:
        moved = cloud_run.set_traffic(
            service_address(release.policy, one.service),
            split={one.revision: 100},
            etag=etags[one.service],
            timeout=release.policy.traffic_timeout_seconds,
        )
        changes[one.service] = SplitChange(before=moved.before, after=moved.after, changed=moved.changed)
    return DatabaseSwitched(
        reason=f"switched to {checked.target.instance.name}",
        changes=changes,
        source=checked.source.name,
        instance=checked.target.instance.name,
        connection=release.policy.database("production").connection,
    )


def url_of(payload: str, source: SqlInstance, target: Target) -> str | None:
    """Return the URL of a database on the restored instance.

    :param payload: its URL on the instance that serves, by its address or its connection name.
    :param source: the instance that serves.
    :param target: the restored one.
    :return: None when the URL is not the instance's.
    """
    if source.connection_name and source.connection_name in payload:
        return payload.replace(source.connection_name, target.instance.connection_name)
    parts = urlsplit(payload)
    if parts.hostname not in source.addresses or not target.instance.addresses:
        return None
    user, at, place = parts.netloc.rpartition("@")
    _, colon, port = place.partition(":")
    database = parts.path.lstrip("/")
    if database not in target.databases and len(target.databases) == 1:
        # Cloud SQL keeps the name; an instance that was made otherwise may have another, and only one.
        (database,) = target.databases
    netloc = f"{user}{at}{target.instance.addresses[0]}{colon}{port}"
    return parts._replace(netloc=netloc, path=f"/{database}").geturl()


def _require_found(
    name: str,
    base: run_v2.Revision,
    reference: DatabaseReference,
    source: SqlInstance,
    project_id: str,
    secrets: SecretVersionHook,
) -> SecretVersion | None:
    """Make sure that a revision finds the database as the policy says; return the secret with its URL."""
    from slipway.hooks.cloud_run.revision import secrets_of, sql_instances_of, values_of

    where = f"{_FIELD}: revision {_short(base)} of {name}"
    variable, instance = reference.instance_variable, source.connection_name
    if variable is not None and values_of(base).get(variable) != instance:
        raise RequestRefused(f"{where}: its variable {variable} is not {instance}; correct found_by")
    if reference.cloud_sql_volume and instance not in sql_instances_of(base):
        raise RequestRefused(f"{where}: has no Cloud SQL connection to {instance}; correct found_by")
    if reference.secret_variable is None:
        return None
    mounted = secrets_of(base).get(reference.secret_variable, "")
    secret, _, version = mounted.rpartition(":")
    if not secret:
        raise RequestRefused(f"{where}: mounts no secret as {reference.secret_variable}; correct found_by")
    if version == "latest":
        raise RequestRefused(
            f"{where}: mounts {reference.secret_variable} as latest, so that a new version would reach it"
            " too; deploy a revision that mounts it by number"
        )
    found = SecretVersion(secret=secret.rpartition("/")[2], version=version)
    payload = secrets.access(project_id=project_id, secret=found.secret, version=version).decode()
    if url_of(payload, source, Target(source, ())) is None:
        raise RequestRefused(
            f"{where}: the URL in {found} names neither {instance} nor an address of it"
            f" ({', '.join(source.addresses) or 'it has none'}); correct the secret, or found_by"
        )
    return found


def _deploy(
    release: Release,
    one: Switch,
    etag: str,
    checked: CheckedSwitch,
    cloud_run: CloudRunTrafficHook,
    secrets: SecretVersionHook,
) -> str:
    """Make the new revision, without traffic; return the service's etag after it."""
    from slipway.hooks.cloud_run.hook import image_of

    source, target = checked.source, checked.target
    project_id, mounted = release.policy.environments["production"].project_id, dict[str, SecretVersion]()
    if one.secret is not None and one.reference.secret_variable is not None:
        where: Mapping[str, Any] = {"project_id": project_id, "secret": one.secret.secret}
        payload = secrets.access(**where, version=one.secret.version).decode()
        url = url_of(payload, source, target)
        if url is None:
            raise RequestRefused(f"{_FIELD}: the URL in {one.secret} is not {source.name}'s any more")
        version = secrets.add_version(**where, data=url.encode())
        mounted[one.reference.secret_variable] = SecretVersion(one.secret.secret, str(version))
    variable = one.reference.instance_variable
    scaling = one.base.scaling
    service = cloud_run.deploy_revision(
        service_address(release.policy, one.service),
        revision=one.revision,
        base=_short(one.base),
        image=image_of(one.base),
        env={} if variable is None else {variable: target.instance.connection_name},
        secrets=mounted,
        min_instances=scaling.min_instance_count,
        max_instances=scaling.max_instance_count or _MAX_INSTANCES,
        labels={},
        sql_instances={source.connection_name: target.instance.connection_name},
        tag=None,
        expected_etag=etag,
        timeout=release.policy.deploy_timeout_seconds,
    )
    return str(service.etag)


def serving_instance(release: Release, cloud_sql: CloudSqlBackupHook) -> SqlInstance:
    """Return the instance that serves, which has to be there.

    :param release: whose policy names it.
    :param cloud_sql: the door to Cloud SQL.
    :raises RequestRefused: when it is gone.
    """
    place = release.policy.environments["production"]
    name = release.policy.database("production").instance
    found = cloud_sql.find_instance(project_id=place.project_id, instance=name)
    if found is None:
        raise RequestRefused(f"{_FIELD}: instance {name} ({place.project_id}) is gone; correct the policy")
    return found


def _short(revision: run_v2.Revision) -> str:
    return str(revision.name).rpartition("/")[2]
