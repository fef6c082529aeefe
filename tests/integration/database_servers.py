"""The former place of :mod:`tests.servers`, for branches that still import it from here."""

from tests.servers import kill, prometheus_with, running, start

__all__ = ["kill", "prometheus_with", "running", "start"]
