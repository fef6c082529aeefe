"""The pre-deployment checklist: evidence in, fulfilled or not with the reason out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any, Protocol

from slipway.analysis.load_report import LoadReport
from slipway.analysis.staging import SuiteResult
from slipway.analysis.verdict import Cause, Decision, Finding, Verdict, combine
from slipway.policy.checklist import TITLES, BusinessValue, Checklist, ItemName
from slipway.policy.staging import LoadTest, StagingValidation


@dataclass(frozen=True)
class Item:
    """One line of the checklist.

    :param reason: one line for people, with the numbers.
    :param evidence: what it rests on, as plain data.
    """

    passed: bool
    reason: str
    evidence: Mapping[str, Any]


class Checked(Protocol):
    """An item on record: whether it is fulfilled, and why."""

    @property
    def passed(self) -> bool: ...

    @property
    def reason(self) -> str: ...


class Rehearsal(Protocol):
    """A rehearsed rollback: of which service, and how long it took in seconds."""

    @property
    def service(self) -> str: ...

    @property
    def seconds(self) -> float | None: ...


def validation_tests(suites: Mapping[str, SuiteResult | None], validation: StagingValidation) -> Item:
    """Judge whether every suite ran and enough of its tests passed.

    :param suites: the suites' results; None for one that did not run.
    :param validation: the policy of phase 1.
    """
    ran = {name: result for name, result in suites.items() if result is not None and result.tests}
    missing = [name for name in validation.suites if name not in ran]
    if missing:
        return Item(False, f"did not run: {', '.join(missing)}", {"missing": missing})
    percents = {name: 100 * result.passed / result.tests for name, result in ran.items()}
    low = [
        f"{name} {percent:.0f} %"
        for name, percent in percents.items()
        if percent < validation.required_percent(name)
    ]
    tests = sum(result.tests for result in ran.values())
    passed = sum(result.passed for result in ran.values())
    required = validation.minimum_pass_percent
    words = f"{passed} of {tests} tests passed (at least {required:g} % of each suite required)"
    return Item(not low, "; ".join([words, *low]), {"passed_percent": percents})


def business_value(value: BusinessValue, report: LoadReport | None, limits: LoadTest) -> Item:
    """Check the projection's arithmetic, and that staging measured the saving it stands on.

    :param value: the projection and what it is made of.
    :param report: the load test's report; None when it did not run.
    :param limits: the policy of the load test.
    """
    product = value.customers * value.saving_per_customer_usd
    returned = 100 * (value.projection_usd - value.cost_usd) / value.cost_usd
    measured = None if report is None else report.cost_reduction_percent
    band = limits.cost_reduction_percent
    evidence = {"projection_usd": product, "return_percent": returned, "cost_reduction_percent": measured}
    wrong = []
    if not isclose(product, value.projection_usd):
        wrong.append(f"projection_usd={value.projection_usd:g} is not {product:g}")
    if not isclose(returned, value.return_percent):
        wrong.append(f"return_percent={value.return_percent:g} is not {returned:g}")
    if measured is None:
        wrong.append("no cost reduction was measured in staging")
    elif not band.minimum <= measured <= band.maximum:
        wrong.append(f"staging saved {measured:.1f} %, not {band.minimum:g} to {band.maximum:g} %")
    if wrong:
        return Item(False, "; ".join(wrong), evidence)
    return Item(
        True,
        f"{value.customers} customers x {value.saving_per_customer_usd:,.0f} USD = {product:,.0f} USD "
        f"a year, a return of {returned:g} %; staging saved {measured:.1f} %",
        evidence,
    )


def staging_environment(
    gate: Verdict | None,
    serving: Mapping[str, Mapping[str, int]],
    revisions: Mapping[str, str],
) -> Item:
    """Judge whether staging was validated, and still serves exactly what was.

    :param gate: the verdict at the end of phase 1; None when there is none.
    :param serving: percent by revision, of every service of the release.
    :param revisions: the release's revision of every service.
    """
    evidence = {"serving": {name: dict(split) for name, split in serving.items()}}
    if gate is not Verdict.PROMOTE:
        return Item(False, f"phase 1 ended with: {gate or 'nothing on record'}", evidence)
    other = [name for name, revision in revisions.items() if dict(serving.get(name, {})) != {revision: 100}]
    if other:
        return Item(False, f"does not serve what was validated: {', '.join(other)}", evidence)
    return Item(True, f"validated, and {', '.join(revisions)} serve the release's revisions", evidence)


@dataclass(frozen=True)
class Prepared:
    """A configuration document as it is found in Secret Manager.

    :param version: its number.
    :param matches: whether its content is the policy's, but for secrets.
    :param serving: the version that the serving revision mounts, None when there is none.
    :param serving_enabled: whether that one could be mounted again.
    """

    version: int
    matches: bool
    serving: str | None
    serving_enabled: bool


def production_configuration(documents: Mapping[str, Prepared | None]) -> Item:
    """Judge whether every document is in place, and its way back open.

    :param documents: by name; None for one that was not written.
    """
    evidence = {name: None if found is None else vars(found) for name, found in documents.items()}
    wrong = []
    for name, found in documents.items():
        if found is None:
            wrong.append(f"{name} was not written")
        elif not found.matches:
            wrong.append(f"{name} version {found.version} is not what the policy says")
        elif not found.serving_enabled:
            wrong.append(f"{name} version {found.serving}, which serves now, is not enabled")
    if wrong:
        return Item(False, "; ".join(wrong), evidence)
    named = ", ".join(f"{name} {found.version}" for name, found in documents.items() if found)
    return Item(True, f"versions {named}, read back; the versions that serve are enabled", evidence)


def dashboards(panels: Mapping[str, int], broken: Sequence[str], wanted: Sequence[str]) -> Item:
    """Judge whether the dashboards are there and show something.

    :param panels: by title, how many panels have a query.
    :param broken: files that are no dashboard.
    :param wanted: titles of those that must be there.
    """
    evidence = {"panels": {title: panels.get(title) for title in wanted}, "broken": list(broken)}
    wrong = [f"{title}: not there" for title in wanted if title not in panels]
    wrong += [f"{title}: no panel has a query" for title in wanted if panels.get(title) == 0]
    wrong += [f"{name}: is no dashboard" for name in broken]
    if wrong:
        return Item(False, "; ".join(wrong), evidence)
    return Item(True, ", ".join(f"{title} ({panels[title]} panels)" for title in wanted), evidence)


def rollback_tested(
    drill: Rehearsal | None, *, age_days: float, maximum_age_days: float, limit_seconds: float
) -> Item:
    """Judge whether a rollback was rehearsed recently, and fast enough.

    :param drill: the last rehearsal on record that succeeded; None when there is none.
    :param age_days: how long ago it was.
    :param maximum_age_days: how long ago it may be.
    :param limit_seconds: how long a rollback of the traffic may take.
    """
    if drill is None or drill.seconds is None:
        return Item(False, "no successful rehearsal is on record", {})
    seconds = drill.seconds
    evidence = {"service": drill.service, "seconds": seconds, "age_days": round(age_days, 3)}
    words = f"rehearsed {age_days:.1f} days ago in {seconds:.1f} s"
    if age_days > maximum_age_days:
        return Item(False, f"{words}, at most {maximum_age_days:g} days are allowed", evidence)
    if seconds > limit_seconds:
        return Item(False, f"{words}, at most {limit_seconds:g} s are allowed", evidence)
    return Item(True, f"{words} (at most {limit_seconds:g} s and {maximum_age_days:g} days)", evidence)


def go_or_no_go(
    checklist: Checklist, items: Mapping[ItemName, Checked | None], names: Sequence[ItemName]
) -> Decision:
    """Decide on the list: an item that is missing or not fulfilled is no go, unless it is optional.

    :param checklist: the policy.
    :param items: what is on record, by name; None for one that was not checked.
    :param names: the items to decide on; a policy without any has nothing in the way.
    """
    if not names:
        return Decision(Verdict.PROMOTE, "the policy has no checklist", (), 0)
    findings = [_finding(name, items.get(name), name in checklist.optional) for name in names]
    return combine(findings, seconds=0)


def _finding(name: ItemName, item: Checked | None, optional: bool) -> Finding:
    passed = item is not None and item.passed
    reason = "nothing on record" if item is None else item.reason
    words = f"{'✓' if passed else '✗'} {TITLES[name]}: {reason}" + (" (optional)" if optional else "")
    verdict = Verdict.PROMOTE if passed else Verdict.ROLLBACK
    cause = Cause.NO_EVIDENCE if item is None else None
    return Finding(name, verdict, words, None, 0, cause, advisory=optional and not passed)
