"""Airflow's local settings, for the ``config`` folder of its home: what the scheduler imports beforehand.

LocalExecutor's workers are forks of the scheduler, and every task is a fork of a worker: what the scheduler
has imported, no task has to.
"""

import sys

# Nothing here is a setting of Airflow's.
__all__: list[str] = []

if "scheduler" in sys.argv:
    from slipway.preload import import_for_tasks

    import_for_tasks()
