"""The probe of a Google Cloud project: what it concludes, and that it leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import run_v2
from slipway.exceptions import CloudRunError
from slipway.hooks.cloud_run.hook import CloudRunTrafficHook
from slipway.release.google_probe import GoogleProbe, kind_of_readings


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (40, 80, "a running total"),
        (41, 75, "a running total"),
        (40, 40, "what came since the reading before: not a running total"),
        (40, 0, "what came since the reading before: not a running total"),
        (40, 60, "neither: 40, then 60 after 40 more requests"),
    ],
)
def test_two_readings_tell_a_running_total_from_a_delta(first: float, second: float, kind: str) -> None:
    assert kind_of_readings(first, second, 40) == kind


class Client:
    """Notes what is deleted."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete_service(self, *, name: str, timeout: float) -> Any:
        self.deleted.append(name)
        return self

    def result(self, seconds: float) -> None:
        """Deleted at once."""


def test_the_service_is_taken_away_although_every_question_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    client, hook = Client(), object.__new__(CloudRunTrafficHook)

    def refused(*_: Any, **__: Any) -> run_v2.Service:
        raise CloudRunError("permission denied")

    for method in ("deploy_revision", "get_service", "set_traffic"):
        monkeypatch.setattr(hook, method, refused, raising=False)
    monkeypatch.setattr(hook, "api_client", lambda *_: client, raising=False)
    monkeypatch.setattr(hook, "is_default_universe", lambda: False, raising=False)
    probe = GoogleProbe(hook, None, project="p", region="r", image="i")  # type: ignore[arg-type]
    answers = list(probe.ask())
    assert len(answers) == 7
    assert all(answer.differs and answer.here == "CloudRunError: permission denied" for answer in answers)
    assert client.deleted == [probe.address.name]


def test_a_probe_that_is_broken_off_takes_its_service_away(monkeypatch: pytest.MonkeyPatch) -> None:
    client, hook = Client(), object.__new__(CloudRunTrafficHook)

    def broken_off(*_: Any, **__: Any) -> run_v2.Service:
        raise KeyboardInterrupt

    monkeypatch.setattr(hook, "deploy_revision", broken_off, raising=False)
    monkeypatch.setattr(hook, "api_client", lambda *_: client, raising=False)
    monkeypatch.setattr(hook, "is_default_universe", lambda: False, raising=False)
    probe = GoogleProbe(hook, None, project="p", region="r", image="i")  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        next(probe.ask())
    assert client.deleted == [probe.address.name]
