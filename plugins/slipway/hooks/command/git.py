"""The door to the platform's git repository."""

from __future__ import annotations

import tempfile
from pathlib import Path

from airflow.sdk import BaseHook

from slipway.exceptions import CommandFailed
from slipway.hooks.command.command import CommandHook, tail

_TIMEOUT_SECONDS = 120
_AUTHOR = {
    "GIT_AUTHOR_NAME": "Slipway",
    "GIT_AUTHOR_EMAIL": "slipway@localhost",
    "GIT_COMMITTER_NAME": "Slipway",
    "GIT_COMMITTER_EMAIL": "slipway@localhost",
    "GIT_TERMINAL_PROMPT": "0",
}


class GitHook(CommandHook):
    """Reads and tags a git repository through the ``git`` program.

    :param git_conn_id: connection whose host is the repository's URL or path; a password is sent as a bearer
        token through git's configuration environment, never on a command line.
    """

    def __init__(self, git_conn_id: str) -> None:
        super().__init__()
        connection = BaseHook.get_connection(git_conn_id)
        self._repository = connection.host or ""
        self._environment = dict(_AUTHOR)
        if connection.password:
            self._environment |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Bearer {connection.password}",
            }

    def tag(self, name: str, *, branch: str, message: str) -> str:
        """Put an annotated tag on the head of a branch; a tag that is already there is left as it is.

        :param name: the tag.
        :param branch: branch whose head is tagged.
        :param message: the tag's message.
        :return: the commit that the tag marks.
        """
        present = self._git("ls-remote", self._repository, f"refs/tags/{name}^{{}}").split()
        if present:
            return present[0]
        with tempfile.TemporaryDirectory(prefix="slipway-git-") as folder:
            clone = str(Path(folder) / "repository")
            self._git("clone", "--quiet", "--bare", "--depth", "1", "--branch", branch, self._url(), clone)
            commit = self._git("-C", clone, "rev-parse", "HEAD").strip()
            self._git("-C", clone, "tag", "--annotate", name, "--message", message, commit)
            self._git("-C", clone, "push", "--quiet", "origin", f"refs/tags/{name}")
        return commit

    def _url(self) -> str:
        return self._repository if "://" in self._repository else f"file://{self._repository}"

    def _git(self, *arguments: str) -> str:
        code, output = self.run_command(
            ["git", *arguments], environment=self._environment, timeout_seconds=_TIMEOUT_SECONDS
        )
        if code:
            raise CommandFailed(f"git {arguments[0]}: ended with {code}: {tail(output)}")
        return output
