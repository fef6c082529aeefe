"""Airflow's local settings, for the ``config`` folder of its home: what is imported before any task.

LocalExecutor's workers are forks of the scheduler, Celery's are forks of its first process, and every task is
a fork of a worker: what that process has imported, no task has to.
"""

import sys

# Nothing here is a setting of Airflow's.
__all__: list[str] = []

if "scheduler" in sys.argv or "worker" in sys.argv:
    from slipway.preload import import_for_tasks

    import_for_tasks()
