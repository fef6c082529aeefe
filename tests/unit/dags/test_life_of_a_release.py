"""``docs/architecture.md`` tells the life of a release by the tasks that the DAG has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import DAG

PAGE = Path(__file__).resolve().parents[3] / "docs/architecture.md"
PHASES = {
    "1": "phase_1_staging_validation",
    "2": "phase_2_production_preparation",
    "3": "phase_3_canary",
    "4": "phase_4_gradual_increase",
    "5": "phase_5_full_rollout",
}


def listed() -> Iterator[str]:
    """Yield the task ids that the page's table names; ``<phase 3 to 5>`` stands for three."""
    table = PAGE.read_text().split("\n## The life of a release\n")[1]
    for cell in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE):
        names = re.findall(r"`([^`]+)`", cell)
        group = names[0].rpartition(".")[0]
        for name in names:
            full = f"{group}{name}" if name.startswith(".") else name
            phases = re.match(r"<phase (\d) to (\d)>\.(.+)", full)
            if phases is None:
                yield full
            else:
                first, last, task = phases.groups()
                yield from (f"{PHASES[str(n)]}.{task}" for n in range(int(first), int(last) + 1))


def test_the_page_names_every_task_of_the_release_and_no_other(dags: Mapping[str, DAG]) -> None:
    assert sorted(listed()) == sorted(task.task_id for task in dags["release"].tasks)
