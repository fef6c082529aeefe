"""New revisions are asked for their instances and their answers before traffic moves to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException
from slipway.ledger.entries import RevisionWarmedUp
from slipway.ledger.timeline import rollback_reason
from slipway.operators.warm_up import WarmUpOperator
from slipway.release import warm_up

from tests.integration.slipway.operators.steps import Steps

pytestmark = pytest.mark.sandbox

SMOKE = """
import os, httpx

def test_the_new_revision_answers_at_its_tag():
    answer = httpx.get(os.environ["BACKEND_URL"] + "/health", trust_env=False)
    assert answer.status_code == {status}
    assert answer.headers["x-slipway-revision"] == os.environ["BACKEND_REVISION"]
"""


def suite(folder: Path, monkeypatch: pytest.MonkeyPatch, *, status: int) -> Path:
    """Write a smoke suite below an ``include/`` of the test's own."""
    path = folder / "acceptance" / "smoke" / "test_backend.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SMOKE.format(status=status))
    monkeypatch.setattr(warm_up, "INCLUDE", folder)
    return path


def test_a_revision_that_works_is_let_on_and_one_that_does_not_is_not(
    steps: Steps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.open()
    steps.deploy()
    suite(tmp_path, monkeypatch, status=200)
    steps.run(WarmUpOperator(task_id="warm_up", phase="canary"))
    warmed = steps.entry(RevisionWarmedUp, phase="canary", component="backend")
    assert (warmed.verdict, warmed.instances, warmed.passed) == ("promote", 1, 1)

    suite(tmp_path, monkeypatch, status=204)
    with pytest.raises(AirflowFailException, match=r"smoke tests failed: .*answers_at_its_tag"):
        steps.run(WarmUpOperator(task_id="warm_up", phase="half"))
    suite(tmp_path, monkeypatch, status=200)
    with pytest.raises(AirflowFailException, match="smoke tests failed"):
        steps.run(WarmUpOperator(task_id="warm_up", phase="half"))
    entries = steps.product.ledger.entries(steps.release_id)
    assert rollback_reason(entries).startswith("half: smoke tests failed")
    assert steps.product.web.split()["stable"] == 100
