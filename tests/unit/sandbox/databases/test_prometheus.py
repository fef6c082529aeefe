"""Prometheus's configuration in the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.databases.prometheus import scrape_configuration
from sandbox.supervisor.settings import Settings


def test_the_one_exporter_is_scraped_every_second_with_its_own_labels() -> None:
    configuration = scrape_configuration(Settings(home=Path("/tmp/home"), port_base=20000))
    assert configuration["global"] == {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    }
    jobs: Any = configuration["scrape_configs"]
    (job,) = jobs
    assert job["static_configs"] == [{"targets": ["127.0.0.1:20006"]}]
    assert job["honor_labels"] is True
