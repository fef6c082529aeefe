"""The steps of a backup and of its restore: each is begun once, and awaited by the name of its operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slipway.exceptions import BackupFailed

if TYPE_CHECKING:
    from slipway.hooks.cloud_sql import CloudSqlBackupHook, SqlInstance
    from slipway.ledger.operations import KeptOperation


@dataclass(frozen=True)
class Instance:
    """A Cloud SQL instance.

    :param project_id: Google Cloud project.
    :param name: short name.
    """

    project_id: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.project_id})"


@dataclass(frozen=True)
class Pending:
    """A step that is not done yet.

    :param operation: name of the operation to wait for; None when another one holds the instance, or the
        answer got lost: then the step is done again once the instance is free.
    """

    operation: str | None


def back_up(
    hook: CloudSqlBackupHook, instance: Instance, description: str, kept: KeptOperation
) -> str | Pending:
    """Return the id of the successful backup with a description, or begin it.

    A backup that failed does not count: another one is begun.

    :param hook: Cloud SQL hook.
    :param instance: what is backed up.
    :param description: what the backup is for, unique to it: the release.
    :param kept: where the name of the operation is kept.
    :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
    """
    place = {"project_id": instance.project_id, "instance": instance.name}
    runs = [run for run in hook.list_backups(**place) if run.description == description]
    done = next((run for run in runs if run.status == "SUCCESSFUL"), None)
    if done is not None:
        return done.id
    name = running(hook, instance, kept)
    if name is not None:
        return Pending(name)
    under_way = {run.id for run in runs if run.status in {"ENQUEUED", "RUNNING"}}
    if under_way:
        operations = hook.read_operations(**place)
        name = next((found.name for found in operations if found.backup_id in under_way), None)
    else:
        name = hook.begin_backup(**place, description=description)
    if name is not None:
        kept.keep(name)
    return Pending(name)


def restore(
    hook: CloudSqlBackupHook, instance: Instance, source: Instance, backup: str, kept: KeptOperation
) -> Pending:
    """Begin to replace an instance's data by a backup; a restore that is under way is not begun again.

    :param hook: Cloud SQL hook.
    :param instance: what is overwritten.
    :param source: what the backup is of.
    :param backup: id of the backup.
    :param kept: where the name of the operation is kept.
    :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
    """
    name = running(hook, instance, kept)
    if name is None:
        name = hook.begin_restore(
            project_id=instance.project_id,
            instance=instance.name,
            backup_run_id=backup,
            source_instance=source.name,
            source_project_id=source.project_id,
        )
        if name is not None:
            kept.keep(name)
    return Pending(name)


def create_like(
    hook: CloudSqlBackupHook, instance: Instance, source: Instance, kept: KeptOperation
) -> SqlInstance | Pending:
    """Return an instance that is ready, or begin to create it with the settings of another one.

    :param hook: Cloud SQL hook.
    :param instance: the new instance.
    :param source: the instance that it is like, of the same project.
    :param kept: where the name of the operation is kept.
    :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
    """
    found = hook.find_instance(project_id=instance.project_id, instance=instance.name)
    if found is not None and found.state == "RUNNABLE":
        return found
    name = running(hook, instance, kept)
    if name is None and found is None:
        name = hook.begin_create(project_id=instance.project_id, instance=instance.name, like=source.name)
        if name is not None:
            kept.keep(name)
    return Pending(name)


def is_restored(hook: CloudSqlBackupHook, instance: Instance, kept: KeptOperation) -> bool:
    """Whether the restore that an earlier try of a step began has ended well.

    :param hook: Cloud SQL hook.
    :param instance: what was overwritten.
    :param kept: where the name of the operation is kept.
    :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
    """
    name = kept.name()
    found = None if name is None else hook.read_operation(project_id=instance.project_id, name=name)
    return found is not None and found.done and not found.error


def running(hook: CloudSqlBackupHook, instance: Instance, kept: KeptOperation) -> str | None:
    """Return the name of the operation that an earlier try of a step began, if it still runs.

    :param hook: Cloud SQL hook.
    :param instance: the instance of the operation.
    :param kept: where the name of the operation is kept.
    :raises BackupFailed: when Cloud SQL refuses, or gives no usable answer.
    """
    name = kept.name()
    found = None if name is None else hook.read_operation(project_id=instance.project_id, name=name)
    return None if found is None or found.done else found.name


def require_done(event: dict[str, str], instance: Instance, doing: str) -> None:
    """Make sure that the operation that a step waited for has ended well.

    :param event: what :class:`~slipway.triggers.cloud_sql.CloudSqlOperationTrigger` yielded.
    :param instance: the instance of the operation.
    :param doing: what the operation does, such as ``back up``.
    :raises BackupFailed: when it failed, or was not done in time.
    """
    if event["status"] == "success":
        return
    when = "not done in time; " if event["status"] == "timeout" else ""
    raise BackupFailed(
        f"instance {instance}: cannot {doing}: {when}{event['message'] or 'Cloud SQL names no reason'};"
        " see the instance's operations, then clear the task"
    )
