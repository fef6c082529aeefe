"""``python -m tests.integration.slipway.kpi.dag_run DAG DAY``: a run by Airflow, without a scheduler."""

from __future__ import annotations

import sys

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.configuration import conf
from airflow.utils.db import initdb


def main(dag_id: str, day: str) -> int:
    """Make Airflow's database, run the DAG, and print every task that did not succeed."""
    initdb()
    run = DagBag(conf.get("core", "dags_folder")).dags[dag_id].test(run_conf={"day": day})
    for task in run.get_task_instances():
        if task.state != "success":
            print(f"{task.task_id} {task.state}")
    return 0 if run.state == "success" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
