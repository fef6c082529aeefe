"""The commands that lint migrations of PostgreSQL, forward and back, with squawk.

squawk knows what locks a statement takes. Only a contract step, or the way back, may take something away.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from pathlib import Path

from slipway.schema.contract import read_migrations

_OLDEST_SERVER = "15.0"
_NOT_OURS = (
    # The strategy chose the kind of column types.
    "prefer-text-field", "prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-timestamp-tz",
    # Both are set on the session that migrates, from the policy.
    "require-lock-timeout", "require-statement-timeout",
)  # fmt: skip
_TAKES_AWAY = (
    "ban-drop-column", "ban-drop-table", "ban-drop-view", "ban-drop-function", "ban-drop-not-null",
    "ban-drop-constraint", "renaming-column", "renaming-table",
)  # fmt: skip


def lint_commands(directory: Path, *, back: bool = False) -> list[Sequence[str]]:
    """Return the commands that lint a folder's migrations; each ends with 0 when it finds nothing.

    :param directory: folder of the migrations.
    :param back: whether to lint the ``.rollback.sql`` files as well.
    :raises MigrationInvalid: when a file does not declare what it is.
    """
    keeps: list[str] = []
    takes: list[str] = []
    alone: list[str] = []
    for migration in read_migrations(directory):
        path = str(directory / f"{migration.name}.sql")
        group = takes if migration.kind == "contract" else keeps
        (group if migration.transactional else alone).append(path)
        if back:
            rollback = str(directory / f"{migration.name}.rollback.sql")
            (takes if migration.transactional else alone).append(rollback)
    return [
        _command(paths, excluded, together)
        for paths, excluded, together in (
            (keeps, _NOT_OURS, True),
            (takes, (*_NOT_OURS, *_TAKES_AWAY), True),
            (alone, _NOT_OURS, False),
        )
        if paths
    ]


def _command(paths: Sequence[str], excluded: Sequence[str], together: bool) -> Sequence[str]:
    options = ["--pg-version", _OLDEST_SERVER, "--exclude", ",".join(excluded), "--reporter", "gcc"]
    return [_squawk(), *options, *(["--assume-in-transaction"] if together else []), *paths]


def _squawk() -> str:
    return str(Path(sysconfig.get_path("scripts")) / "squawk")
