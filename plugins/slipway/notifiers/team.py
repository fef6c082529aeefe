"""Notifies the team through Apprise: one connection, any channel."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, BaseNotifier
from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_fixed

from slipway.exceptions import NotificationFailed, PolicyError
from slipway.ledger.entries import TeamNotified, TeamNotReached
from slipway.ledger.links import release_link
from slipway.policy.release import load_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Connection, Context
    from apprise import NotifyBase

    from slipway.ledger.ledger import Ledger, Release
    from slipway.ledger.refused import RefusedRequest

log = logging.getLogger(__name__)
#: Messages that are sent again after the end of their release: the others are out of date by then.
OUTCOMES = ("outcome", "promotion_rolled_back", "health")
NOBODY = "nobody is notified: the policy has no checklist.notification"
#: How often a channel gets a message that it does not take; after that the watchdog sends it again.
TRIES, SECONDS_BETWEEN_TRIES = 3, 1.0


def notify_team(context: Context, release: Release, event: str, subject: str, message: str) -> str | None:
    """Notify the team about a release; a message that cannot be sent never fails the release.

    :param context: of the task that notifies.
    :param release: names the connection in its policy.
    :param event: ledger key of what happened.
    :param subject: the message in one line.
    :param message: what happened and what to do, in one or more lines.
    :return: why the team was not notified, for the record; None when every channel took the message.
    """
    if release.policy.notified_via is None:
        return NOBODY
    about = f"{release.policy.name} ({release.release_id}, {event})"
    notifier = TeamNotifier(
        message=f"{message}\n{release_link(release.run_id)}\n{about}",
        subject=subject,
        conn_id=release.policy.notified_via,
    )
    try:
        notifier.notify(context)
    except NotificationFailed as error:
        log.warning("The team was not notified: %s", error)
        return str(error)
    return None


def notify_once(
    ledger: Ledger, context: Context, release: Release, event: str, subject: str, message: str
) -> TeamNotified | TeamNotReached | None:
    """Notify the team of an event, unless it has been notified.

    :param ledger: the record of the releases.
    :param context: of the task that notifies.
    :param release: names the connection in its policy.
    :param event: what it is about, unique in the release.
    :param subject: the message in one line.
    :param message: what happened and what to do.
    :return: what goes on record; None when it is there, or the policy names no channel. A message that no
        channel took is sent again by the watchdog.
    """
    connection = release.policy.notified_via
    if connection is None or ledger.get(release.release_id, TeamNotified, event=event) is not None:
        return None
    error = notify_team(context, release, event, subject, message)
    if error is not None:
        return TeamNotReached(
            event=event, subject=subject, message=message, connection=connection, reason=error
        )
    return TeamNotified(event=event, subject=subject, connection=connection)


def notify_again(
    ledger: Ledger,
    record: Callable[[Release, TeamNotified], None],
    context: Context,
    release: Release,
) -> list[str]:
    """Send what could not be sent; after the end of the release only how it ended.

    :param ledger: the record of the releases.
    :param record: puts on record that the team was notified.
    :param context: of the task that notifies.
    :param release: the release.
    :return: nothing that was found.
    """
    for missed in ledger.entries(release.release_id).of_kind(TeamNotReached):
        if release.outcome is None or missed.event in OUTCOMES:
            done = notify_once(ledger, context, release, missed.event, missed.subject, missed.message)
            if isinstance(done, TeamNotified):
                record(release, done)
    return []


def notify_refused(ledger: Ledger, context: Context, refused: RefusedRequest) -> None:
    """Notify the team of a refused request, unless it has been notified; never fails.

    :param ledger: keeps how the team was notified, or why it was not.
    :param context: of the task that notifies.
    :param refused: names the policy that has the connection.
    """
    if refused.notified is not None:
        return
    try:
        policy = load_policy(str(refused.request.get("policy")))
        connection = policy.notified_via
        if connection is None:
            return
        TeamNotifier(
            message=f"Requested by {refused.actor}. Nothing was changed.\n{refused.reason}\n"
            f"{release_link(refused.run_id)}\n{policy.name} ({refused.release_id}, refused)",
            subject=f"Release {refused.version}: refused",
            conn_id=connection,
        ).notify(context)
        how = f"via {connection}"
    except (NotificationFailed, PolicyError) as error:
        log.warning("The team was not notified: %s", error)
        how = f"not notified: {error}"
    ledger.refused.notified(refused.run_id, how)


class TeamNotifier(BaseNotifier):
    """Send one message to the team.

    The connection is of type ``apprise``; its extra ``config`` holds one or more channels, each a ``path``
    that is an Apprise URL, such as ``slack://...``, ``mailtos://...`` or ``json://...``. Every channel waits
    4 s to connect and 4 s for an answer, all at the same time; one that does not take the message gets it
    again, the others do not. The provider's own notifier is not used: it drops whether a channel took it.

    :param message: what to say, in one or more lines. (templated)
    :param subject: the message in one line, for channels that have one. (templated)
    :param conn_id: Airflow connection.
    """

    template_fields = ("message", "subject")

    def __init__(self, *, message: str, subject: str, conn_id: str) -> None:
        super().__init__()
        self.message = message
        self.subject = subject
        self.conn_id = conn_id

    def notify(self, context: Context) -> None:
        """Send the message.

        :param context: Airflow's context of the task.
        :raises NotificationFailed: when the connection is missing or unusable, or a channel does not take the
            message; which of the channels it was is in the task's log.
        """
        import apprise
        from airflow.providers.apprise.hooks.apprise import AppriseHook
        from airflow.sdk.log import mask_secret

        # A URL holds its channel's secret: Apprise logs one that it cannot read, and both log it at DEBUG.
        logging.getLogger("urllib3").setLevel(logging.INFO)
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        connection = self._connection()
        hook, channels = AppriseHook(self.conn_id), apprise.Apprise()
        try:
            config = hook.get_config_from_conn(connection)
            paths = [channel["path"] for channel in (config if isinstance(config, list) else [config])]
            for path in paths:
                mask_secret(path)
            hook.set_config_from_conn(connection, channels)
        except (KeyError, TypeError, ValueError):
            # The error's own words may hold a URL.
            raise NotificationFailed(
                f"connection {self.conn_id}: its extra 'config' must be a mapping with the Apprise URL under "
                "'path', or a list of them"
            ) from None
        if not paths or len(channels) < len(paths):
            raise NotificationFailed(
                f"connection {self.conn_id}: {len(channels)} of {len(paths)} channels can be used; the"
                " 'path' of the others is no URL that Apprise knows"
            )
        logging.getLogger("apprise").setLevel(logging.INFO)
        left = self._send(list(channels))
        if left:
            raise NotificationFailed(
                f"connection {self.conn_id}: a channel did not take the message (of {', '.join(left)}); "
                "see the task's log"
            )

    def _send(self, channels: list[NotifyBase]) -> list[str]:
        """Send to all channels at the same time, to each until it takes the message; return who did not.

        A channel that has taken it does not get it again.
        """
        again = Retrying(
            stop=stop_after_attempt(TRIES),
            wait=wait_fixed(SECONDS_BETWEEN_TRIES),
            retry=retry_if_result(lambda taken: not taken),
            retry_error_callback=lambda _: False,
        )
        with ThreadPoolExecutor(len(channels)) as pool:
            taken = list(pool.map(lambda channel: again.copy()(self._send_to, channel), channels))
        return [str(channel.service_name) for channel, took in zip(channels, taken, strict=True) if not took]

    def _send_to(self, channel: NotifyBase) -> bool:
        import apprise

        one = apprise.Apprise()
        one.add(channel)
        return bool(one.notify(body=self.message, title=self.subject, body_format=apprise.NotifyFormat.TEXT))

    def _connection(self) -> Connection:
        from airflow.sdk.exceptions import AirflowNotFoundException

        try:
            connection = BaseHook.get_connection(self.conn_id)
        except AirflowNotFoundException as error:
            raise NotificationFailed(
                f"connection {self.conn_id}: is not configured; make it, or name another in the policy"
            ) from error
        if connection.conn_type != "apprise":
            raise NotificationFailed(
                f"connection {self.conn_id}: type {connection.conn_type!r}; must be apprise"
            )
        return connection
