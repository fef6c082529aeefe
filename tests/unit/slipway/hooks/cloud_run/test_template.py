"""A revision's contents as a template, and as text that shows no secret."""

from __future__ import annotations

from datetime import timedelta

from google.cloud import run_v2
from slipway.hooks.cloud_run.template import contents_of, digest, template_of


def env(name: str, value: str) -> run_v2.EnvVar:
    return run_v2.EnvVar(name=name, value=value)


FULL = run_v2.RevisionTemplate(
    labels={"team": "web"},
    annotations={"note": "by hand"},
    scaling=run_v2.RevisionScaling(min_instance_count=1, max_instance_count=7),
    vpc_access=run_v2.VpcAccess(connector="projects/p/locations/l/connectors/c"),
    timeout=timedelta(seconds=20),
    service_account="sa@example.com",
    containers=[
        run_v2.Container(
            image="r/web:1",
            ports=[run_v2.ContainerPort(container_port=8080)],
            args=["--token=sesame"],
            env=[env("MODE", "fast")],
            resources=run_v2.ResourceRequirements(limits={"memory": "1Gi"}),
        ),
        run_v2.Container(name="proxy", image="r/proxy:1", env=[env("KEY", "sesame")]),
    ],
    volumes=[run_v2.Volume(name="flags", secret=run_v2.SecretVolumeSource(secret="flags"))],
    execution_environment=run_v2.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2,
    encryption_key="key",
    max_instance_request_concurrency=3,
    service_mesh=run_v2.ServiceMesh(mesh="mesh"),
    encryption_key_revocation_action=run_v2.EncryptionKeyRevocationAction.SHUTDOWN,
    encryption_key_shutdown_duration=timedelta(hours=1),
    session_affinity=True,
    node_selector=run_v2.NodeSelector(accelerator="nvidia-l4"),
    gpu_zonal_redundancy_disabled=False,
)


def revision_of(template: run_v2.RevisionTemplate) -> run_v2.Revision:
    shared = run_v2.Revision.meta.fields.keys() & run_v2.RevisionTemplate.meta.fields.keys()
    return run_v2.Revision(
        name="projects/p/locations/l/services/web/revisions/web-a",
        **{name: getattr(template, name) for name in shared if name in template},
    )


def test_a_template_keeps_every_field_of_the_revision() -> None:
    shared = run_v2.Revision.meta.fields.keys() & run_v2.RevisionTemplate.meta.fields.keys()
    assert [name for name in shared if name not in FULL] == [], "a field that this test does not cover"
    assert template_of(revision_of(FULL)) == FULL
    bare = run_v2.RevisionTemplate(containers=[run_v2.Container(image="r/web:1")])
    assert template_of(revision_of(bare)) == bare, "nothing is set that was not"


def test_the_platforms_own_labels_are_left_out_because_a_template_may_not_have_them() -> None:
    found = run_v2.Revision(
        labels={"team": "web", "cloud.googleapis.com/location": "l"},
        annotations={"serving.knative.dev/creator": "ada", "note": "x"},
    )
    template = template_of(found)
    assert (dict(template.labels), dict(template.annotations)) == ({"team": "web"}, {"note": "x"})


def test_the_contents_name_everything_and_show_nothing_that_may_be_secret() -> None:
    contents = contents_of(FULL)
    expected = {
        "image": "r/web:1",
        "env MODE": digest("fast"),
        "container proxy: image": "r/proxy:1",
        "container proxy: env KEY": digest("sesame"),
        "args[0]": digest("--token=sesame"),
        "annotations.note": digest("by hand"),
        "label team": "web",
        "timeout": "20s",
        "service_account": "sa@example.com",
        "vpc_access.connector": "projects/p/locations/l/connectors/c",
        "resources.limits.memory": "1Gi",
        "scaling.max_instance_count": "7",
        "volumes[flags].secret.secret": "flags",
    }
    assert expected.items() <= contents.items()
    assert not [field for field, text in contents.items() if "sesame" in text]
