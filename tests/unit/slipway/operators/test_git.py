"""A promoted release is tagged on the platform's repository."""

from __future__ import annotations

import pytest
from slipway.ledger.entries import ReleaseTagged
from slipway.operators import git
from slipway.operators.git import TagReleaseOperator
from slipway.policy.section import stated

from tests.fake_ledger import FakeLedger
from tests.unit.slipway.on_record import context_of, opened, using


def test_the_policys_tag_is_put_on_its_branch_and_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, str]] = []

    class Hook:
        def __init__(self, _: str) -> None:
            pass

        def tag(self, name: str, *, branch: str, message: str) -> str:
            asked.append((name, branch, message))
            return "c0ffee" * 6

    monkeypatch.setattr(git, "GitHook", Hook)
    ledger = FakeLedger()
    release = opened(ledger)
    expected = stated(release.policy.release_tag, "release_tag").format(version="1.2.0")
    assert using(TagReleaseOperator(task_id="tag_release"), ledger).execute(context_of()) == expected
    ((name, branch, message),) = asked
    assert (name, branch) == (expected, release.policy.default_branch)
    assert release.release_id in message
    entry = ledger.get(release.release_id, ReleaseTagged)
    assert entry is not None
    assert (entry.tag, entry.commit) == (expected, "c0ffee" * 6)
