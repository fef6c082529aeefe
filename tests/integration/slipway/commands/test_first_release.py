"""The way to a first release: ``init`` reads a service that runs, ``check`` proves what the release needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from slipway.__main__ import main
from slipway.commands import check
from slipway.exceptions import MetricsUnavailable
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
from slipway.hooks.cloud_run.leases import lease_of
from slipway.hooks.metrics.promql import Sample
from slipway.ledger.ledger import Ledger
from slipway.policy.release import Policy, load_policy

from sandbox.supervisor.settings import LOCATION
from tests.integration.slipway.hooks.web_service import PROJECT, Web

NAME = "rates"


class CloudMonitoring:
    """Answers with Cloud Run's fixed edges, or not at all."""

    answers = True

    def __init__(self, **_: Any) -> None:
        pass

    def query(self, expression: str, **_: Any) -> Sequence[Sample]:
        if not self.answers:
            raise MetricsUnavailable("the account may not read time series: grant roles/monitoring.viewer")
        edges = ("250", "1000", "+Inf") if "_bucket" in expression and "le!=" in expression else ()
        return [Sample({"revision_name": "r", "le": edge}, 0.0, 0.0) for edge in edges]


@pytest.fixture
def web(cloud_run: CloudRunTrafficHook, image: Callable[[str], str]) -> Web:
    """A service that serves."""
    web = Web(cloud_run, image)
    web.deploy("stable", min_instances=1, max_instances=3)
    return web


@pytest.fixture
def policy(
    web: Web,
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Policy:
    """The policy that ``init`` writes, for ``check`` to find."""
    where = ["--project", PROJECT, "--region", LOCATION, "--service", web.address.service]
    assert main(["init", *where, "--name", NAME, "--folder", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert f"roles/run.developer               on {web.address.service}" in told
    assert f"python -m slipway check {NAME}.yaml" in told
    assert main(["init", *where, "--name", NAME, "--folder", str(tmp_path)]) == 1
    made = load_policy(f"{NAME}.yaml", directory=tmp_path)
    monkeypatch.setattr(check, "load_policy", lambda _: made)
    monkeypatch.setattr("slipway.hooks.metrics.promql.PromQLHook", CloudMonitoring)
    monkeypatch.setattr(CloudMonitoring, "answers", True)
    monkeypatch.setenv("COLUMNS", "200")
    assert len((tmp_path / f"{NAME}.yaml").read_text().splitlines()) <= 40
    return made


def test_a_service_that_runs_gets_a_policy_and_everything_is_proved(
    policy: Policy, web: Web, image: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    (service,) = policy.services.values()
    assert service.image == image("frontend")
    assert (service.min_instances, service.max_instances) == (1, 3)
    assert main(["check", f"{NAME}.yaml"]) == 0
    table = capsys.readouterr().out
    for line in (
        f"✓ │ service {web.address.service} (run.services.get)",
        f"✓ │ lock of {web.address.service} (run.services.update)",
        "judged at the next lower bucket edges, 0.25 and 1 s",
        "· │ KPIs",
        "none: include/kpi/rollup.yaml names no source",
        "A release can be made.",
    ):
        assert line in table, table
    assert lease_of(web.read()) is None


def test_what_is_missing_is_named_with_what_to_do(
    policy: Policy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(CloudMonitoring, "answers", False)
    assert main(["check", f"{NAME}.yaml"]) == 1
    table = capsys.readouterr().out
    assert "✗ │ metric error_rate (monitoring.timeSeries.list)" in table
    assert "grant roles/monitoring.viewer" in table
    assert "to mend before a release" in table
