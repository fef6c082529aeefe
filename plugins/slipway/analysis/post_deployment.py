"""The deployment checklist, during and after: what the record and the services show, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

from slipway.analysis.verdict import Finding, Verdict
from slipway.policy.release import Policy


@dataclass(frozen=True)
class ChecklistLine:
    """One line of the checklist.

    :param part: ``during`` or ``post``.
    :param passed: None when the release has no evidence on it, and a person must tell.
    :param reason: one line for people.
    """

    part: str
    title: str
    passed: bool | None
    reason: str

    def __str__(self) -> str:
        mark = {True: "✓", False: "✗", None: "?"}[self.passed]
        return f"{mark} {self.title}: {self.reason}"


@dataclass(frozen=True)
class LiveState:
    """A service as it is now.

    :param serving: percent by revision.
    :param ready: whether its revision can serve.
    """

    serving: Mapping[str, int]
    ready: bool


class Gate(Protocol):
    """The decision at the end of a phase."""

    @property
    def verdict(self) -> Verdict: ...

    @property
    def findings(self) -> Sequence[Finding]: ...


def deployment_checklist(
    policy: Policy,
    canary: Gate | None,
    full: Gate | None,
    live: Mapping[str, LiveState],
    revisions: Mapping[str, str],
    alerts: Set[str],
) -> Sequence[ChecklistLine]:
    """Go through the strategy's lists "During Deployment" and "Post-Deployment".

    :param policy: that the release was judged by.
    :param canary: the decision on the canary phase, None when there is none.
    :param full: the decision on the last phase, None when there is none.
    :param live: the services, read now.
    :param revisions: the release's revision of every service.
    :param alerts: names of the alerts that are configured.
    :return: the lines; of what the policy does not have there is none.
    """
    findings = [] if full is None else full.findings
    return [*_during(policy, canary, findings, alerts), *_post(policy, findings, live, revisions)]


def _during(
    policy: Policy, canary: Gate | None, findings: Sequence[Finding], alerts: Set[str]
) -> Iterator[ChecklistLine]:
    verdict = "nothing on record" if canary is None else str(canary.verdict)
    yield ChecklistLine(
        "during",
        "Canary deployment successful",
        verdict == Verdict.PROMOTE,
        f"the canary's gate: {verdict}",
    )
    if policy.checklist.alerts is not None:
        names = policy.checklist.alerts.names
        missing = [name for name in names if name not in alerts]
        reason = f"not there: {', '.join(missing)}" if missing else ", ".join(names)
        yield ChecklistLine("during", "Monitoring alerts configured", not missing, reason)
    yield from _judged(policy, findings, "during", "Business metrics tracking active", "band")
    yield from _judged(policy, findings, "during", "User experience validated", "quantile")
    yield from _judged(policy, findings, "during", "No critical errors detected", "zero")


def _post(
    policy: Policy,
    findings: Sequence[Finding],
    live: Mapping[str, LiveState],
    revisions: Mapping[str, str],
) -> Iterator[ChecklistLine]:
    elsewhere = [name for name, found in live.items() if dict(found.serving) != {revisions[name]: 100}]
    yield ChecklistLine(
        "post",
        "Full traffic migration successful",
        not elsewhere,
        f"not on the new revision alone: {', '.join(elsewhere)}"
        if elsewhere
        else f"all traffic of {', '.join(live)} is on the new revisions",
    )
    ill = [name for name, found in live.items() if not found.ready]
    yield ChecklistLine(
        "post",
        "All services healthy",
        not ill,
        f"not ready: {', '.join(ill)}" if ill else f"{', '.join(live)} are ready",
    )
    yield from _judged(policy, findings, "post", "Business value delivery confirmed", "band")
    yield ChecklistLine(
        "post", "Documentation updated", None, "the release has no evidence on it; a person must tell"
    )
    captured = [finding.metric for finding in findings if finding.observed is not None]
    yield ChecklistLine(
        "post",
        "Success metrics captured",
        bool(captured),
        f"{len(captured)} metrics on record: {', '.join(captured)}" if captured else "nothing on record",
    )


def _judged(
    policy: Policy, findings: Sequence[Finding], part: str, title: str, kind: str
) -> Iterator[ChecklistLine]:
    """Tell what the last phase found of the metrics of a kind; an advisory finding decides nothing.

    A policy without such a metric has no such line.
    """
    names = {name for name, metric in policy.metrics.items() if metric.kind == kind}
    if not names:
        return
    found = [finding for finding in findings if finding.metric in names]
    weighed = [finding for finding in found if not finding.advisory]
    passed = bool(weighed) and all(finding.verdict is Verdict.PROMOTE for finding in weighed)
    yield ChecklistLine(part, title, passed, "; ".join(f.reason for f in found) or "nothing on record")
