"""Operator that marks a release in the platform's git repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.hooks.command.git import GitHook
from slipway.ledger.entries import ReleaseTagged
from slipway.operators.base import ReleaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class TagReleaseOperator(ReleaseOperator):
    """Put the policy's release tag on the platform's repository; tagged again, it stays as it is."""

    def execute(self, context: Context) -> str:
        """Return the tag."""
        release = self.release(context)
        tag = release.policy.release_tag.format(version=release.version)
        commit = GitHook(release.policy.git_connection).tag(
            tag,
            branch=release.policy.default_branch,
            message=f"Production deployment of {release.policy.name} {release.version}, {release.release_id}",
        )
        self.record(release, ReleaseTagged(tag=tag, commit=commit))
        return tag
