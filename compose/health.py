"""Say how a component is: the health check of the containers, ``health.py <component>``.

A worker is asked over the queue, as the scheduler reaches it; the others are asked for at Airflow's API.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from urllib.request import urlopen

HEALTH_URL = "http://api-server:8080/api/v2/monitor/health"
BROKER = "/run/secrets/celery_broker"
_TIMEOUT_SECONDS = 5


def problem(component: str, url: str) -> str | None:
    """Say what is wrong with a component.

    :param component: ``metadatabase``, ``scheduler``, ``triggerer`` or ``dag_processor``.
    :param url: Airflow's health page, which needs no sign-in.
    :return: None when it is healthy.
    """
    try:
        with urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            status = json.load(answer)[component]["status"]
    except (OSError, ValueError, KeyError) as error:
        return f"{component}: {url} gives no answer ({type(error).__name__}: {error})"
    return None if status == "healthy" else f"{component} is {status}"


def worker_problem(broker: Path) -> str | None:
    """Say what is wrong with this container's Celery worker.

    :param broker: file with the address of the queue.
    :return: None when the worker answers.
    """
    # Not at the top: no other component needs a client of the queue.
    from celery import Celery
    from kombu.exceptions import OperationalError

    name = f"celery@{socket.gethostname()}"
    try:
        queue = Celery(broker=broker.read_text().strip())
        answers = queue.control.ping(destination=[name], timeout=_TIMEOUT_SECONDS)
    except (OSError, OperationalError) as error:
        return f"{name}: the queue gives no answer ({type(error).__name__}: {error})"
    return None if answers else f"{name} does not answer within {_TIMEOUT_SECONDS} s"


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        sys.exit(worker_problem(Path(BROKER)))
    sys.exit(problem(sys.argv[1], os.environ.get("SLIPWAY_HEALTH_URL", HEALTH_URL)))
