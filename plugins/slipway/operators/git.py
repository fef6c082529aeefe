"""Operator that marks a release in the platform's git repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.hooks.command.git import GitHook
from slipway.ledger.entries import ReleaseTagged
from slipway.operators.base import ReleaseOperator
from slipway.policy.section import stated

if TYPE_CHECKING:
    from airflow.sdk import Context

    from slipway.ledger.ledger import Release


class TagReleaseOperator(ReleaseOperator):
    """Put the policy's release tag on the platform's repository; tagged again, it stays as it is."""

    def absent(self, release: Release) -> str | None:
        """Say why the release gets no tag."""
        return "the policy names no tag (release_tag)" if release.policy.release_tag is None else None

    def execute(self, context: Context) -> str:
        """Return the tag."""
        release = self.release(context)
        tag = stated(release.policy.release_tag, "release_tag").format(version=release.version)
        commit = GitHook(stated(release.policy.git_connection, "git_connection")).tag(
            tag,
            branch=release.policy.default_branch,
            message=f"Production deployment of {release.policy.name} {release.version}, {release.release_id}",
        )
        self.record(release, ReleaseTagged(tag=tag, commit=commit))
        return tag
