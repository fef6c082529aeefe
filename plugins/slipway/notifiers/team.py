"""Tells the team, through whatever the connection is: a webhook or e-mail."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, BaseNotifier

from slipway.exceptions import NotificationFailed

if TYPE_CHECKING:
    from airflow.sdk import Connection, Context

    from slipway.ledger.ledger import Release

ANSWER_SECONDS = 10.0

log = logging.getLogger(__name__)


def notify_team(context: Context, release: Release, event: str, subject: str, message: str) -> str | None:
    """Notify the team about a release; a message that cannot be sent never fails the release.

    :param context: of the task that notifies.
    :param release: names the connection in its policy.
    :param event: ledger key of what happened.
    :param subject: the message in one line.
    :param message: what happened and what to do, in one or more lines.
    :return: why the team was not notified, for the record; None when a channel took the message.
    """
    notifier = TeamNotifier(
        message=message,
        subject=subject,
        conn_id=release.policy.checklist.notification.connection,
        details={"release": release.release_id, "event": event},
    )
    try:
        notifier.notify(context)
    except NotificationFailed as error:
        log.warning("The team was not notified: %s", error)
        return str(error)
    return None


class TeamNotifier(BaseNotifier):
    """Send one message to the team.

    A connection of type ``http`` is a webhook: its host is the URL, a password the secret end of it, and the
    message is posted as JSON with the field ``text``, as Slack, Mattermost and Google Chat take it. One of
    type ``smtp`` is e-mail, to the addresses in its extra ``to``.

    :param message: what to say, in one or more lines. (templated)
    :param subject: of an e-mail. (templated)
    :param conn_id: Airflow connection.
    :param details: more fields of a webhook's JSON; never a secret.
    """

    template_fields = ("message", "subject")

    def __init__(
        self, *, message: str, subject: str, conn_id: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.message = message
        self.subject = subject
        self.conn_id = conn_id
        self.details = dict(details or {})

    def notify(self, context: Context) -> None:
        """Send the message.

        :param context: Airflow's context of the task.
        :raises NotificationFailed: when the connection is missing or of another type, or nobody takes it.
        """
        connection = self._connection()
        if connection.conn_type == "http":
            self._post(connection)
        elif connection.conn_type == "smtp":
            self._mail(connection)
        else:
            raise NotificationFailed(
                f"connection {self.conn_id}: type {connection.conn_type!r}; must be http (a webhook) or smtp"
            )

    def _connection(self) -> Connection:
        from airflow.sdk.exceptions import AirflowNotFoundException

        try:
            return BaseHook.get_connection(self.conn_id)
        except AirflowNotFoundException as error:
            raise NotificationFailed(
                f"connection {self.conn_id}: is not configured; make it, or name another in the policy"
            ) from error

    def _post(self, connection: Connection) -> None:
        import httpx

        url = connection.host or ""
        if "://" not in url:
            raise NotificationFailed(
                f"connection {self.conn_id}: host {url!r} must be the webhook's whole URL"
            )
        if connection.password:
            url = f"{url.rstrip('/')}/{connection.password.lstrip('/')}"
        try:
            answer = httpx.post(
                url, json={"text": self.message, **self.details}, timeout=ANSWER_SECONDS, trust_env=True
            )
        except httpx.HTTPError as error:
            # The error's own words may hold the URL, whose end is a secret.
            raise NotificationFailed(
                f"connection {self.conn_id}: nobody answers ({type(error).__name__})"
            ) from None
        if not answer.is_success:
            raise NotificationFailed(f"connection {self.conn_id}: refused with HTTP {answer.status_code}")

    def _mail(self, connection: Connection) -> None:
        import smtplib

        from airflow.providers.smtp.hooks.smtp import SmtpHook

        to = connection.extra_dejson.get("to")
        if not to:
            raise NotificationFailed(f"connection {self.conn_id}: no addresses; set its extra 'to'")
        try:
            with SmtpHook(smtp_conn_id=self.conn_id) as hook:
                hook.send_email_smtp(
                    to=to, subject=self.subject, html_content=f"<pre>{escape(self.message)}</pre>"
                )
        except (OSError, smtplib.SMTPException) as error:
            raise NotificationFailed(f"connection {self.conn_id}: {error}") from error
