"""Which operating system user a database server runs as, and folders that user can reach.

PostgreSQL refuses to run as root, and no server needs to. When the sandbox is started by root (in a
container), its servers run as ``nobody``; started by anybody else, they run as that user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sandbox.supervisor.settings import Settings

UNPRIVILEGED = "nobody"
_OUTSIDE_PREFIX = "slipway-server-"


@dataclass(frozen=True)
class ServerUser:
    """Numeric ids to start a server with."""

    uid: int
    gid: int


def server_user() -> ServerUser | None:
    """Return the user to switch to, or None when the current user is fit to run servers.

    :raises KeyError: when root starts the sandbox on a system that has no user ``nobody``.
    """
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED)
    return ServerUser(uid=entry.pw_uid, gid=entry.pw_gid)


def reachable(path: Path) -> bool:
    """Tell whether every user may pass through all the folders above ``path``."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.absolute().parents)


def server_folder(settings: Settings, name: str) -> Path:
    """Make ``<home>/data/<name>``, owned by the server user.

    When that user cannot reach it (a home below ``/root``, say), the folder is made in the system's folder
    for temporary files, and ``<home>/data/<name>`` is a link to it.

    :param settings: where the sandbox lives, and its ports.
    :param name: name of the folder, such as ``postgres``.
    :return: the real folder.
    """
    link = settings.data / name
    link.parent.mkdir(parents=True, exist_ok=True)
    user = server_user()
    if user is None:
        link.mkdir(mode=0o700, exist_ok=True)
        return link
    if reachable(link):
        link.mkdir(mode=0o700, exist_ok=True)
    elif not link.is_symlink():
        link.symlink_to(tempfile.mkdtemp(prefix=_OUTSIDE_PREFIX))
    folder = link.resolve()
    os.chown(folder, user.uid, user.gid)
    return folder


def readable_copy(path: Path, settings: Settings, name: str) -> Path:
    """Return ``path``, or a copy of it where the server user can read and execute it.

    :param path: file or folder a server needs.
    :param settings: where the sandbox lives, and its ports.
    :param name: folder below ``<home>/data`` that receives the copy.
    """
    user = server_user()
    probe = path if path.is_file() else next(iter(path.iterdir()))
    if user is None or (reachable(probe) and probe.stat().st_mode & stat.S_IROTH):
        return path
    target = server_folder(settings, name) / path.name
    if not target.exists():
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True)
        else:
            shutil.copy2(path, target)
        _give(target, user)
    return target


def remove_outside_folders(settings: Settings) -> None:
    """Remove the folders that ``server_folder`` had to make outside the home."""
    if not settings.data.is_dir():
        return
    for link in settings.data.iterdir():
        if link.is_symlink() and link.readlink().name.startswith(_OUTSIDE_PREFIX):
            folder = link.readlink()
            if folder.exists():
                shutil.rmtree(folder)


def _give(path: Path, user: ServerUser) -> None:
    os.chown(path, user.uid, user.gid)
    path.chmod(path.stat().st_mode | stat.S_IRUSR)
    if path.is_dir():
        for child in path.rglob("*"):
            os.chown(child, user.uid, user.gid, follow_symlinks=False)
