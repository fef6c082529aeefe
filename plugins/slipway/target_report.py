"""The review of the business targets as a reader sees it: Markdown for a message, HTML for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from html import escape

from slipway.analysis.targets import Review, Status
from slipway.policy_targets import Target, TargetPolicy

_SAID: Mapping[Status, str] = {
    "on_track": "on track",
    "behind": "behind",
    "met": "met",
    "missed": "missed",
    "insufficient_data": "not enough data",
}
_HEAD = ("target", "status", "value", "wanted", "expected by the date", "due", "why")


def markdown(policy: TargetPolicy, reviews: Sequence[Review], *, as_of: date) -> str:
    """Write the reviews as one Markdown table per horizon."""
    parts = [f"# Business targets as of {as_of}"]
    for key, horizon in policy.horizons.items():
        parts += ["", f"## {horizon.title}", "", _line(_HEAD), _line(["-"] * len(_HEAD))]
        parts += [_line(cells(review)) for review in reviews if review.horizon == key]
    return "\n".join(parts) + "\n"


def html(policy: TargetPolicy, reviews: Sequence[Review], *, as_of: date) -> str:
    """Write the reviews as one HTML section per horizon, for a page; a row's class says its status."""
    parts = [f"<h2>Business targets as of {as_of}</h2>"]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in _HEAD)
    for key, horizon in policy.horizons.items():
        parts.append(f"<section><h3>{escape(horizon.title)}</h3><table><thead><tr>{head}</tr></thead><tbody>")
        for review in reviews:
            if review.horizon == key:
                row = "".join(f"<td>{escape(cell)}</td>" for cell in cells(review))
                parts.append(f'<tr class="target-{review.status}">{row}</tr>')
        parts.append("</tbody></table></section>")
    return "\n".join(parts) + "\n"


def cells(review: Review) -> tuple[str, ...]:
    """One review in words, in the order of the table's columns."""
    return (
        review.policy.title,
        _SAID[review.status],
        "" if review.value is None else f"{_number(review.value)} {review.policy.unit}",
        wanted(review.policy),
        _expected(review.forecast, review.low, review.high),
        review.due.isoformat(),
        review.reason,
    )


def wanted(target: Target) -> str:
    """Say what a target asks for."""
    if target.at_least is not None and target.at_most is not None:
        return f"{_number(target.at_least)} to {_number(target.at_most)} {target.unit}"
    if target.at_least is not None:
        return f"at least {_number(target.at_least)} {target.unit}"
    if target.at_most is not None:
        return f"at most {_number(target.at_most)} {target.unit}"
    return ""


def _expected(point: Decimal | None, low: Decimal | None, high: Decimal | None) -> str:
    if point is None or low is None or high is None:
        return ""
    return f"{_number(point)} ({_number(low)} to {_number(high)})"


def _number(value: Decimal) -> str:
    text = f"{value:,.2f}"
    return text.removesuffix(".00")


def _line(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|").replace("\n", " ") for value in values) + " |"
