"""The trial start of the compose stack, with a docker program that answers as one would."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from compose import check

ENGINE = """#!/bin/sh
printf '%s\\n' "$*" >> "{log}"
case "$*" in
  version*) {engine} ;;
  "compose version"*) echo {compose} ;;
  *config*) echo '{configuration}' | sed "s/.COUNT./${{WORKERS:-1}}/g" ;;
  "image inspect {absent}") exit 1 ;;
  "pull --quiet {absent}") exit 1 ;;
  *"dags list"*)
    echo '2026-11-29T10:15:09.289411Z [warning  ] Could not import graphviz.'
    if [ -e "{log}.read" ]; then echo '{dags}'; else echo No data found; touch "{log}.read"; fi ;;
  *"slipway check"*) test "$AIRFLOW_EXECUTOR$WORKERS" = LocalExecutor0 && echo all of it is there ;;
  *"ps --all"*) echo one two ;;
  inspect*) {shown} ;;
esac
"""
NAMES = (*check.REQUIRED, *check.OPTIONAL, *check.AIRFLOW)


def configured(service: str) -> dict[str, object]:
    """A service as docker shows it; of two the variables say how many there are."""
    counted = {"deploy": {"replicas": "COUNT"}} if service in {"redis", "worker"} else {}
    return {"image": service, **counted}


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def install(tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Put a docker program on the PATH."""

    def put(
        engine: str = "echo 28",
        compose: str = "2.26.1",
        absent: str = "none",
        dags: int = 7,
        shown: str = "true",
    ) -> None:
        names = [path.stem for path in (check.REPOSITORY / "dags").glob("*.py")][:dags]
        program = tmp_path / "docker"
        program.write_text(
            ENGINE.format(
                log=calls,
                engine=engine,
                compose=compose,
                absent=absent,
                configuration=json.dumps({"services": {name: configured(name) for name in NAMES}}),
                dags=json.dumps([{"dag_id": name} for name in names]),
                shown=shown,
            )
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        monkeypatch.setattr(check, "_POLL_SECONDS", 0.01)

    return put


def test_without_a_docker_program_nothing_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert check.main() == 2
    assert "nothing was checked, because there is no docker program" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"engine": "echo is the daemon running? >&2; exit 1"}, "no Docker engine answers: is the daemon"),
        ({"compose": "1.29.2"}, "Docker Compose v2 is missing: 1.29.2"),
        ({"absent": "clickhouse"}, "no image can be had for clickhouse"),
    ],
)
def test_where_it_cannot_start_it_says_why(
    install: object, answers: dict[str, str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    install(**answers)  # type: ignore[operator]
    assert check.main() == 2
    assert words in capsys.readouterr().err


def test_a_service_without_an_image_is_left_out_and_the_rest_is_started(
    install: object, calls: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(absent="grafana")  # type: ignore[operator]
    assert check.main() == 0
    assert "left out, no image can be had: grafana" in capsys.readouterr().out
    asked = calls.read_text().splitlines()
    (up,) = [line for line in asked if " up " in line]
    assert "grafana" not in up
    assert "triggerer" in up
    assert " down --volumes" in asked[-1]


def test_with_the_sandbox_the_product_asks_it_from_the_scheduler_and_no_queue_is_needed(
    install: object, calls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(absent="redis")  # type: ignore[operator]
    monkeypatch.setattr("sys.argv", ["check", "--sandbox"])
    assert check.main() == 0
    assert "all of it is there" in capsys.readouterr().out
    asked = calls.read_text().splitlines()
    (up,) = [line for line in asked if " up " in line]
    assert up.endswith(" sandbox")
    # With LocalExecutor there are none, and nothing is pulled for them.
    assert not {"redis", "worker"} & set(up.split())
    assert any(line.endswith("scheduler python -m slipway check sandbox.yaml") for line in asked)


def test_the_dag_processor_has_time_to_read_every_file(
    install: object, calls: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install()  # type: ignore[operator]
    assert check.main() == 0
    assert "7 DAGs imported" in capsys.readouterr().out
    assert calls.read_text().count("airflow dags list") == 2


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"dags": 2}, "not imported: "),
        (
            {"shown": f"cat {tempfile.gettempdir()}/slipway-compose-*/fernet_key"},
            "fernet_key",
        ),
    ],
)
def test_it_says_what_is_wrong_and_removes_the_stack(
    install: object,
    calls: Path,
    answers: dict[str, str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    install(**answers)  # type: ignore[operator]
    monkeypatch.setattr(check, "_IMPORT_SECONDS", 0.5)
    assert check.main() == 1
    assert words in capsys.readouterr().err
    assert " down --volumes" in calls.read_text().splitlines()[-1]
