"""What is loaded when it is opened, from the record."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from slipway.analysis.verdict import Verdict
from slipway.kpi.targets.review import Status
from slipway.ledger.anchors import LedgerAnchors
from slipway.ledger.entries import (
    AnswerRefused,
    ApprovalDecided,
    BakeAnswered,
    ChangesPlanned,
    ChecklistItemChecked,
    ConfigurationChange,
    DeploymentChecked,
    DeploymentLine,
    GateDecided,
    Person,
    TeamNotified,
    TeamNotReached,
    TemplateChange,
)
from slipway.ledger.store import LedgerStore
from slipway.ledger.verification import LedgerVerification
from slipway.policy.checklist import ITEMS, TITLES
from slipway.ui.api import details
from slipway.ui.api.links import Links
from slipway.ui.api.models.details import BusinessTarget
from slipway.ui.sources import ReviewedTargets

from tests.fake_ledger import BEGAN, record_of

BOB = Person(id="7", name="bob")
LINKS = Links("/slipway")


def test_the_changes_are_by_service_and_document() -> None:
    found = details.changes(
        record_of(
            ChangesPlanned(
                environment="production",
                revisions={"backend": (TemplateChange(field="image", before="a", after="b"),)},
                configuration=(
                    ConfigurationChange(document="FLAGS", key="x", before="1", after="2", unit="s"),
                    ConfigurationChange(document="FLAGS", key="y", before="off", after="on"),
                ),
                migrations=("0007_more",),
                held={"0008_less": "a release that can be rolled back needs the column"},
            )
        )
    )
    assert [(group.name, len(group.changes)) for group in found.template] == [("backend", 1)]
    assert [(group.name, len(group.changes)) for group in found.configuration] == [("FLAGS", 2)]
    assert [(one.name, one.note.partition(":")[0]) for one in found.schema_changes] == [
        ("0007_more", "is due"),
        ("0008_less", "is held"),
    ]


def test_before_they_are_planned_the_changes_say_so() -> None:
    found = details.changes(record_of())
    assert not found.known
    assert found.note.startswith("The changes are not planned yet")


def test_the_checklist_has_what_is_not_checked_yet() -> None:
    checked = ChecklistItemChecked(item=ITEMS[0], passed=False, reason="3 of 90 tests fail")
    line = DeploymentLine(part="post", title="All services healthy", passed=None, reason="a person must tell")
    lines = details.checklist(record_of(checked, DeploymentChecked(lines=(line,)))).lines
    assert [one.title for one in lines] == [*(TITLES[item] for item in ITEMS), line.title]
    assert (lines[0].passed, lines[0].evidence) == (False, "3 of 90 tests fail")
    assert (lines[1].passed, lines[1].evidence, lines[1].checked_at) == (None, "not checked yet", None)
    assert (lines[-1].part, lines[-1].passed) == ("post", None)


def test_decisions_and_answers_are_one_list_with_who_answered() -> None:
    found = details.gates(
        record_of(
            GateDecided(phase="staging", verdict=Verdict.PROMOTE, reason="all suites pass"),
            AnswerRefused(question="production", reason="ada answered 'Approve'", user=BOB),
            ApprovalDecided(approved=True, reason="the policy asks for nobody's approval"),
            BakeAnswered(phase="canary", reason="nobody answered in time", bake_on=False, at=BEGAN),
            BakeAnswered(phase="half", reason="the metrics turned bad", bake_on=True, at=BEGAN),
        )
    ).gates
    assert [(one.title, one.verdict, one.decided_by) for one in found] == [
        ("Staging validation", "promote", "evidence"),
        ("Answer that did not count", None, "bob"),
        ("Approval for production", None, "policy"),
        ("Decision on Canary", None, "time-out"),
        ("Decision on Gradual increase", None, "evidence"),
    ]


def test_a_message_that_could_not_be_sent_is_on_the_list() -> None:
    missed = TeamNotReached(event="opened", subject="s", message="m", connection="team", reason="refused")
    found = details.notifications(
        record_of(missed, TeamNotified(event="opened", subject="s", connection="team"))
    ).notifications
    assert [(one.delivered, one.trouble) for one in found] == [(False, "refused"), (True, "")]


def test_the_ledger_comes_in_pages_and_a_forged_entry_is_named() -> None:
    record = record_of(*(TeamNotified(event=str(n), subject="s", connection="c") for n in range(5)))
    verified = LedgerVerification(LedgerStore(), LedgerAnchors())
    page = details.ledger_page("r", record, verified.export("r", record), LINKS, page=2, per_page=2)
    assert [entry.sequence for entry in page.entries] == [3, 4]
    assert (page.total, page.first_broken) == (5, None)
    forged = replace(record[2], payload={"subject": "another"})
    others = type(record)((*record[:2], forged, *record[3:]))
    broken = details.ledger_page("r", others, verified.export("r", others), LINKS, page=1, per_page=2)
    assert broken.first_broken == 3
    assert broken.verified.startswith("Not as it was written: entry 3 (notified/2) was changed")


def test_without_a_review_the_business_value_says_why() -> None:
    found = details.business(ReviewedTargets(trouble="No day has been reviewed yet."))
    assert (found.targets, found.as_of, found.trouble) == ((), None, "No day has been reviewed yet.")


def test_the_api_knows_every_status_of_the_review() -> None:
    assert get_args(BusinessTarget.model_fields["status"].annotation) == get_args(Status)
