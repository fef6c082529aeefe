"""Ask Airflow's API how a component is: the health check of the containers, ``health.py <component>``."""

from __future__ import annotations

import json
import os
import sys
from urllib.request import urlopen

HEALTH_URL = "http://api-server:8080/api/v2/monitor/health"
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


if __name__ == "__main__":
    sys.exit(problem(sys.argv[1], os.environ.get("SLIPWAY_HEALTH_URL", HEALTH_URL)))
