"""Expectations about data, checked where the data is: Great Expectations turns each into SQL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.paths import INCLUDE
from slipway.preload import great_expectations
from slipway.sql import without_head
from slipway.yaml_text import parse_yaml

EXPECTATIONS = INCLUDE / "quality"
DATA_DOCS_VARIABLE = "SLIPWAY_DATA_DOCS"
# Examples of bad values would cost one more scan per expectation, and end in the log.
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Subject:
    """A query and the name of the expectations about its rows.

    :param name: file below ``include/quality`` without its ending.
    :param sql: few rows to look at, since Great Expectations may fetch them: sum up many rows in the query,
        for ClickHouse in a table, because there it is run many times. Nothing is bound into it any more.
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
class CheckResult:
    """The outcome of one subject.

    :param broken: one line for each expectation that is not met; counts only, never values.
    :param warnings: the same of expectations whose severity is ``warning``: what breaks them has a default.
    """

    name: str
    expectations: int
    broken: Sequence[str]
    warnings: Sequence[str] = ()


def data_docs() -> Path:
    """Return the folder of Great Expectations' Data Docs: the environment's, or Airflow's home.

    :return: the folder; below it each day has ``source`` and ``warehouse``, each as its last run left it.
    """
    named = os.environ.get(DATA_DOCS_VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("AIRFLOW_HOME", str(Path.home() / "airflow"))) / "data_docs"


def expectations(name: str) -> list[dict[str, Any]]:
    """Read a list of expectations: ``type`` and ``kwargs`` each.

    ``severity: warning`` keeps one from stopping the day; ``meta: {rows_with: table.column NaN}`` says of one
    that counts rows what is wrong with them.

    :param name: file name in ``include/quality``, without its ending.
    :raises FileNotFoundError: when there is no such file.
    """
    loaded: list[dict[str, Any]] = parse_yaml((EXPECTATIONS / f"{name}.yaml").read_text())
    return loaded


def check(subjects: Sequence[Subject], docs: Path) -> list[CheckResult]:
    """Check every subject in one Great Expectations context, and write its Data Docs.

    :param subjects: what is checked, each with its expectations.
    :param docs: folder of the Data Docs; what an earlier run left in it is replaced.
    """
    context = great_expectations().get_context(mode="ephemeral")
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    findings = [_check(context, subject) for subject in subjects]
    _write_docs(context, docs)
    return findings


def _check(context: Any, subject: Subject) -> CheckResult:
    gx = great_expectations()
    add = context.data_sources.add_postgres if subject.is_postgres else context.data_sources.add_sql
    # A dollar sign would begin one of Great Expectations' own variables. PostgreSQL keeps the query's row in
    # a temporary table: without one the query is run again for most expectations. ClickHouse has none
    # without a session, and a read replica takes none.
    source = add(
        subject.name,
        connection_string=subject.uri.replace("$", "%24"),
        create_temp_table=subject.is_postgres and _may_write(subject.uri),
    )
    try:
        asset = source.add_query_asset(subject.name, query=without_head(subject.sql))
        suite = context.suites.add(gx.ExpectationSuite(subject.name, expectations=expectations(subject.name)))
        definition = gx.ValidationDefinition(
            name=subject.name, data=asset.add_batch_definition_whole_table("day"), suite=suite
        )
        # Run as a checkpoint, because only a checkpoint's results are kept for the Data Docs.
        checkpoint = gx.Checkpoint(
            name=subject.name,
            validation_definitions=[context.validation_definitions.add(definition)],
            result_format=_COUNTS_ONLY,
        )
        (outcome,) = context.checkpoints.add(checkpoint).run().run_results.values()
        missed = [result.to_json_dict() for result in outcome.results if not result.success]
    finally:
        source.get_execution_engine().close()
        source.get_engine().dispose()
    return CheckResult(
        subject.name,
        len(outcome.results),
        broken=[describe(result) for result in missed if not _only_warns(result)],
        warnings=[describe(result) for result in missed if _only_warns(result)],
    )


def _may_write(uri: str) -> bool:
    """Tell whether a PostgreSQL server takes a temporary table: a replica takes none."""
    from sqlalchemy import create_engine, text

    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            return bool(connection.execute(text("SHOW transaction_read_only")).scalar() == "off")
    finally:
        engine.dispose()


def _write_docs(context: Any, docs: Path) -> None:
    """Build the site beside its place and move it there, so that a reader never finds half of one."""
    docs.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=docs.parent, prefix=".draft-") as draft:
        site = Path(draft) / "site"
        for name in list(context.get_site_names()):
            context.delete_data_docs_site(name)
        context.add_data_docs_site(
            "day",
            {
                "class_name": "SiteBuilder",
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": str(site),
                },
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                "show_how_to_buttons": False,
            },
        )
        context.build_data_docs()
        if docs.exists():
            docs.rename(Path(draft) / "before")
        site.rename(docs)


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
    if rows_with := (expectation.get("meta") or {}).get("rows_with"):
        return f"{rows_with}: {numbers.get('observed_value'):g} rows"
    if "unexpected_count" in numbers:
        return f"{kind}({shown}): {numbers['unexpected_count']} of {numbers.get('element_count')} rows"
    return f"{kind}({shown}): found {numbers.get('observed_value')}"


def _only_warns(result: Mapping[str, Any]) -> bool:
    """Tell a missed expectation with a default from one that stops the day; one not checked stops it."""
    raised = any(info.get("raised_exception") for info in _exceptions(result.get("exception_info") or {}))
    return not raised and (result.get("expectation_config") or {}).get("severity") == "warning"


def _exceptions(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Great Expectations gives either one record or one per metric."""
    if "raised_exception" in info:
        return [info]
    return [value for value in info.values() if isinstance(value, Mapping)]
