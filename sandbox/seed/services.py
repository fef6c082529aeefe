"""The product's six Cloud Run services at version 1.0.0, made with the official client."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from google.api_core.exceptions import NotFound
from google.api_core.future.polling import DEFAULT_POLLING
from google.cloud import run_v2

from sandbox.seed import clients
from sandbox.seed.environments import ENVIRONMENTS, MAX_INSTANCES, Environment
from sandbox.seed.secrets import FIRST_VERSION
from sandbox.supervisor.processes import answers
from sandbox.supervisor.settings import Settings

VERSION = "1.0.0"
CREATE_TIMEOUT_SECONDS = 90.0
HEALTHY_TIMEOUT_SECONDS = 60.0
# The client's own pace, a second and more between two polls, is made for a cloud far away.
POLLING = DEFAULT_POLLING.with_delay(initial=0.1, maximum=0.5, multiplier=1.2).with_timeout(
    CREATE_TIMEOUT_SECONDS
)
# The frontend comes last: it gets the address of the backend.
COMPONENTS = ("auth", "backend", "frontend")
SECRETS: Mapping[str, Mapping[str, str]] = {
    "auth": {"AUTH_SIGNING_KEY": "auth-signing-key"},
    "backend": {
        "AUTH_SIGNING_KEY": "auth-signing-key",
        "DATABASE_URL": "database-url",
        "FEATURE_FLAGS": "feature-flags",
        "PRICING_CONFIG": "pricing-config",
        "TOKEN_CONFIG": "token-optimization-config",
    },
    "frontend": {},
}


def seed(settings: Settings) -> dict[str, dict[str, str]]:
    """Create the services that are missing, pin their traffic by revision name, wait until all are healthy.

    :param settings: where the sandbox lives, and its ports.
    :return: per environment and component, the service's URL.
    :raises TimeoutError: when a service does not answer ``/health`` with success within its bound.
    """
    client = clients.services(settings)
    endpoints: dict[str, dict[str, str]] = {}
    for environment in ENVIRONMENTS:
        urls = endpoints.setdefault(environment.name, {})
        for component in COMPONENTS:
            variables = _variables(environment, component, urls)
            template = _template(settings, environment, component, variables)
            urls[component] = ensure_pinned(
                client, environment.parent, environment.service(component), template
            )
    deadline = time.monotonic() + HEALTHY_TIMEOUT_SECONDS
    for environment_name, urls in endpoints.items():
        for component, url in urls.items():
            while not answers(f"{url}/health"):
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{environment_name} {component} at {url} did not answer /health "
                        f"within {HEALTHY_TIMEOUT_SECONDS:.0f} s"
                    )
                time.sleep(0.2)
    return endpoints


def _variables(environment: Environment, component: str, urls: Mapping[str, str]) -> dict[str, str]:
    own: dict[str, dict[str, str]] = {
        "auth": {},
        "backend": {"TOKEN_OPTIMIZATION_ENABLED": "false"},
        "frontend": {
            "BACKEND_URL": urls.get("backend", ""),
            "STATIC_BUCKET": f"netra-{environment.name}-assets",
        },
    }
    return {"ENVIRONMENT": environment.name, **own[component]}


def ensure_pinned(client: Any, parent: str, service_id: str, template: run_v2.RevisionTemplate) -> str:
    """Make a service where it is missing, with its traffic pinned by revision name.

    :param client: Cloud Run's client.
    :param parent: project and location.
    :param service_id: name of the service.
    :param template: of its first revision.
    :return: its URL.
    """
    name = f"{parent}/services/{service_id}"
    try:
        service = client.get_service(name=name, timeout=10)
    except NotFound:
        service = client.create_service(
            parent=parent, service_id=service_id, service=run_v2.Service(template=template), timeout=10
        ).result(timeout=CREATE_TIMEOUT_SECONDS, polling=POLLING)
    by_name = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
    if all(target.type_ == by_name for target in service.traffic) and service.traffic:
        return str(service.uri)
    # Pinned by name, as a release leaves it: a later change of the template must not take traffic by itself.
    revision = service.latest_ready_revision.rpartition("/")[2]
    target = run_v2.TrafficTarget(type_=by_name, revision=revision, percent=100)
    pinned = client.update_service(
        service=run_v2.Service(name=name, traffic=[target], etag=service.etag),
        update_mask={"paths": ["traffic"]},
        timeout=10,
    ).result(timeout=CREATE_TIMEOUT_SECONDS, polling=POLLING)
    return str(pinned.uri)


def _template(
    settings: Settings, environment: Environment, component: str, variables: Mapping[str, str]
) -> Any:
    plain = [run_v2.EnvVar(name=key, value=value) for key, value in variables.items()]
    secret = [
        run_v2.EnvVar(
            name=key,
            value_source=run_v2.EnvVarSource(
                secret_key_ref=run_v2.SecretKeySelector(
                    secret=environment.secret(secret_name), version=FIRST_VERSION
                )
            ),
        )
        for key, secret_name in SECRETS[component].items()
    ]
    return run_v2.RevisionTemplate(
        scaling=run_v2.RevisionScaling(
            min_instance_count=environment.min_instances, max_instance_count=MAX_INSTANCES[component]
        ),
        containers=[
            run_v2.Container(image=f"{settings.registry}/netra/{component}:{VERSION}", env=[*plain, *secret])
        ],
    )
