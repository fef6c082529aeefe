"""What tasks import, for the process that they are forked from."""

from __future__ import annotations

from airflow.sdk.execution_time import supervisor as _supervisor  # noqa: F401 - what a task imports late
from slipway.preload import import_for_tasks

from tests.chaos import task_process as _chaos  # noqa: F401 - the tasks of a release
from tests.chaos.whole import tasks as _whole  # noqa: F401 - those of whole releases
from tests.integration.slipway.kpi import task_process as _kpi  # noqa: F401 - the tasks of the rollup
from tests.integration.slipway.kpi.rollup import load_dag

import_for_tasks()
load_dag()
