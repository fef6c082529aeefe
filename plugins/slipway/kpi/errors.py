"""Why a day was not published. None of these is cured by running the same task again."""

# ruff: noqa: N818 - an error is named for the state it reports, which reads better where it is caught

from __future__ import annotations

from airflow.sdk.exceptions import AirflowFailException

from slipway.exceptions import SlipwayError


class DayInvalid(SlipwayError, AirflowFailException):
    """The run's partition key is not a day that can be rolled up."""


class SourceDrift(SlipwayError, AirflowFailException):
    """The source's tables are not what the rollup reads."""


class ReconciliationFailed(SlipwayError, AirflowFailException):
    """The staged day differs from what the source counted."""


class QualityCheckFailed(SlipwayError, AirflowFailException):
    """Data does not meet its expectations."""


class MigrationConflict(SlipwayError, AirflowFailException):
    """An applied ClickHouse migration is not the file of that name."""
