"""What a container is started with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from google.cloud import run_v2

from sandbox.cloud.api_errors import NotFoundError
from sandbox.cloud.run import container
from sandbox.cloud.run.container import ImageConfig, NotStartedError
from sandbox.supervisor.settings import Settings

IMAGE = ImageConfig((), ("python", "-m", "app"), {"A": "image", "B": "image"})
SETTINGS = Settings(Path("/tmp/home"), 21000)


class Secrets:
    """Knows one secret in two projects."""

    def resolve(self, project: str, secret: str, version: str) -> bytes:
        if secret != "key":
            raise NotFoundError(f"Secret [{secret}] not found.")
        return f"{project}/{version}".encode()


def revision(*env: run_v2.EnvVar) -> run_v2.Revision:
    return run_v2.Revision(
        name="projects/p/locations/l/services/svc/revisions/svc-a",
        containers=[run_v2.Container(image="i", env=list(env))],
    )


def secret(name: str, reference: str, version: str = "") -> run_v2.EnvVar:
    key = run_v2.SecretKeySelector(secret=reference, version=version)
    return run_v2.EnvVar(name=name, value_source=run_v2.EnvVarSource(secret_key_ref=key))


def test_template_goes_over_image_and_platform_over_both() -> None:
    made = revision(run_v2.EnvVar(name="A", value="template"), run_v2.EnvVar(name="PYTHONPATH", value="x"))
    values = container.environment(made, IMAGE, Secrets(), SETTINGS, 21100)
    assert (values["A"], values["B"], values["PORT"]) == ("template", "image", "21100")
    assert (values["K_SERVICE"], values["K_REVISION"]) == ("svc", "svc-a")
    assert values["PYTHONPATH"] != "x"


def test_nothing_else_of_the_own_environment_gets_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING_PRIVATE", "x")
    assert "SOMETHING_PRIVATE" not in container.environment(revision(), IMAGE, Secrets(), SETTINGS, 1)


def test_secrets() -> None:
    made = revision(
        secret("ONE", "key", "3"), secret("TWO", "key"), secret("THREE", "projects/q/secrets/key", "1")
    )
    values = container.environment(made, IMAGE, Secrets(), SETTINGS, 1)
    assert (values["ONE"], values["TWO"], values["THREE"]) == ("p/3", "p/latest", "q/1")
    with pytest.raises(NotStartedError, match="Secret other/versions/latest cannot be accessed"):
        container.environment(revision(secret("X", "other")), IMAGE, Secrets(), SETTINGS, 1)


@pytest.mark.parametrize(
    ("command", "args", "expected"),
    [
        ([], [], [sys.executable, "-m", "app"]),
        ([], ["x"], ["x"]),
        (["sh"], [], ["sh"]),
        (["sh"], ["-c", "true"], ["sh", "-c", "true"]),
    ],
)
def test_command_line(command: list[str], args: list[str], expected: list[str]) -> None:
    given = run_v2.Container(image="i", command=command, args=args)
    assert container.arguments(given, IMAGE) == expected


@pytest.mark.parametrize(
    ("stated", "size"), [(None, 2**29), ("1Gi", 2**30), ("256Mi", 2**28), ("2G", 2 * 10**9), ("1000", 1000)]
)
def test_memory_limit(stated: str | None, size: int) -> None:
    limits = {} if stated is None else {"memory": stated}
    resources = run_v2.ResourceRequirements(limits=limits)
    assert container.memory_limit(run_v2.Container(image="i", resources=resources)) == size


def test_memory_limit_that_is_none() -> None:
    resources = run_v2.ResourceRequirements(limits={"memory": "plenty"})
    with pytest.raises(ValueError, match="'plenty' is not a quantity such as 512Mi or 1Gi"):
        container.memory_limit(run_v2.Container(image="i", resources=resources))
