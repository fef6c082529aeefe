"""Expectations about data, checked where the data is: Great Expectations turns each into SQL."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from slipway.paths import INCLUDE

EXPECTATIONS = INCLUDE / "quality"
# Examples of bad values would cost one more scan per expectation, and end in the log.
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Subject:
    """A query and the name of the expectations about its rows.

    :param name: file below ``include/quality`` without its ending.
    :param sql: few rows to look at, since Great Expectations may fetch them: sum up many rows in the query.
        Nothing is bound into it any more.
    :param uri: SQLAlchemy URI of the database. Holds a password: never log it.
    """

    name: str
    sql: str
    uri: str

    @property
    def is_postgres(self) -> bool:
        """Whether the database is PostgreSQL, which Great Expectations treats by its own dialect."""
        return self.uri.startswith("postgres")


@dataclass(frozen=True)
class Finding:
    """The outcome of one subject.

    :param broken: one line for each expectation that is not met; counts only, never values.
    """

    name: str
    expectations: int
    broken: Sequence[str]


def expectations(name: str) -> list[dict[str, Any]]:
    """Read a list of expectations: ``type`` and ``kwargs`` each.

    :raises FileNotFoundError: when there is no such file.
    """
    loaded: list[dict[str, Any]] = yaml.safe_load((EXPECTATIONS / f"{name}.yaml").read_text())
    return loaded


def without_head(sql: str) -> str:
    """Take the leading comment lines off: Great Expectations wants a query to begin with SELECT."""
    lines = sql.splitlines()
    while lines and (lines[0].startswith("--") or not lines[0].strip()):
        lines.pop(0)
    return "\n".join(lines)


def check(subjects: Sequence[Subject]) -> list[Finding]:
    """Check every subject in one Great Expectations context, in memory, without telemetry.

    The import takes seconds, so it happens here and not when this module is loaded.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Its import alone logs hundreds of lines about itself at level INFO.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return [_check(context, subject) for subject in subjects]


def _check(context: Any, subject: Subject) -> Finding:
    import great_expectations as gx

    add = context.data_sources.add_postgres if subject.is_postgres else context.data_sources.add_sql
    # A dollar sign would begin one of Great Expectations' own variables.
    source = add(subject.name, connection_string=subject.uri.replace("$", "%24"), create_temp_table=False)
    try:
        asset = source.add_query_asset(subject.name, query=without_head(subject.sql))
        batch = asset.add_batch_definition_whole_table("day").get_batch()
        suite = gx.ExpectationSuite(subject.name, expectations=expectations(subject.name))
        results = batch.validate(suite, result_format=_COUNTS_ONLY).results
        broken = [describe(result.to_json_dict()) for result in results if not result.success]
    finally:
        source.get_execution_engine().close()
        source.get_engine().dispose()
    return Finding(subject.name, len(results), broken)


def describe(result: Mapping[str, Any]) -> str:
    """Say in one line what was expected and how far the data is from it.

    :param result: one expectation's result, as a dictionary.
    """
    expectation = result.get("expectation_config") or {}
    kind, arguments = expectation.get("type"), expectation.get("kwargs") or {}
    shown = ", ".join(f"{name}={value}" for name, value in sorted(arguments.items()) if name != "batch_id")
    raised = [
        str(info.get("exception_message"))
        for info in _exceptions(result.get("exception_info") or {})
        if info.get("raised_exception")
    ]
    if raised:
        return f"{kind}({shown}) could not be checked: {raised[0].splitlines()[0]}"
    numbers = result.get("result") or {}
    if "unexpected_count" in numbers:
        return f"{kind}({shown}): {numbers['unexpected_count']} of {numbers.get('element_count')} rows"
    return f"{kind}({shown}): found {numbers.get('observed_value')}"


def _exceptions(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Great Expectations gives either one record or one per metric."""
    if "raised_exception" in info:
        return [info]
    return [value for value in info.values() if isinstance(value, Mapping)]
