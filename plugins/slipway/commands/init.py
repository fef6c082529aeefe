"""Write the policy of a service that runs, and say which connections and permissions a release needs.

Nothing but the new file is written. The command `check` proves the connections and permissions.
"""

from __future__ import annotations

import argparse
import re
import string
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.exceptions import PolicyError
from slipway.policy.files import POLICY_DIRECTORY
from slipway.policy.release import load_policy

if TYPE_CHECKING:
    from google.cloud import run_v2

    from slipway.hooks.cloud_run.address import ServiceAddress

TEMPLATES = POLICY_DIRECTORY / "template"
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
#: What Cloud Run does with a service that names none.
_MOST_INSTANCES = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--project", required=True, help="Google Cloud project")
    parser.add_argument("--region", required=True, help="region, such as us-central1")
    parser.add_argument("--service", required=True, help="Cloud Run service that serves now")
    parser.add_argument("--name", help="name of the product (default: the service's)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=POLICY_DIRECTORY,
        help="where the policy goes (default: include/policy)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the policy and print what is to be made."""
    from slipway.hooks.cloud_run.address import ServiceAddress
    from slipway.hooks.cloud_run.hook import image_of

    path = _place(arguments.folder, arguments.name or arguments.service)
    address = ServiceAddress(arguments.project, arguments.region, arguments.service)
    live, revision = _read(address)
    words = _words(arguments, path.name, live, revision)
    _write(path, _filled("policy.yaml", words))
    print(f"{path} is written. It releases {address}, which serves {revision.name.rpartition('/')[2]}.\n")
    others = [one.name or one.image for one in revision.containers if one.image != image_of(revision)]
    if others:
        print(f"Of its containers {words['image']} is released; {', '.join(others)} stays as it is.\n")
    print(_filled("next_steps.txt", words), end="")
    return 0


def _read(address: ServiceAddress) -> tuple[run_v2.Service, run_v2.Revision]:
    """Return a service, and the revision that serves.

    :raises PolicyError: when nothing serves, or Airflow has no connection to read it by.
    """
    from airflow.sdk.exceptions import AirflowNotFoundException

    from slipway.hooks.cloud_run.hook import CloudRunTrafficHook, serving_split

    try:
        hook = CloudRunTrafficHook()
    except AirflowNotFoundException as error:
        raise PolicyError(
            "connection google_cloud_default: Airflow has none; this makes one with the account of the "
            "environment: airflow connections add google_cloud_default --conn-type google_cloud_platform"
        ) from error
    try:
        live = hook.get_service(address)
        serving = next(iter(serving_split(live)), None)
        if serving is None:
            raise PolicyError(f"service {address}: no revision has traffic; deploy one first")
        return live, hook.get_revision(address, serving)
    finally:
        hook.close()


def _place(folder: Path, name: str) -> Path:
    """Return where the policy goes; refuse what can be refused before anything is asked."""
    if not _NAME.fullmatch(name):
        raise PolicyError(
            f"name {name}: has other characters than lowercase letters, digits and hyphens; "
            "name the product with --name, such as --name exchange-rates"
        )
    if not folder.is_dir():
        raise PolicyError(f"folder {folder}: is no folder; make it, or name another with --folder")
    path = folder / f"{name}.yaml"
    if path.exists():
        raise PolicyError(f"policy {path}: exists; name another product with --name, or delete the file")
    return path


def _write(path: Path, text: str) -> None:
    """Write a policy that can be loaded; one that cannot is never in its place."""
    with tempfile.TemporaryDirectory() as draft:
        (Path(draft) / path.name).write_text(text)
        load_policy(path.name, directory=Path(draft))
    with path.open("x") as file:
        file.write(text)


def _words(
    arguments: argparse.Namespace, file: str, live: run_v2.Service, serving: run_v2.Revision
) -> dict[str, str]:
    from slipway.hooks.cloud_run.revision import image_of

    scaling = serving.scaling
    least = max(scaling.min_instance_count, live.scaling.min_instance_count, 1)
    return {
        "file": file,
        "name": arguments.name or arguments.service,
        "project": arguments.project,
        "region": arguments.region,
        "service": arguments.service,
        "key": re.sub(r"[^a-z0-9]+", "_", arguments.service),
        "image": _repository(image_of(serving)),
        "account": serving.service_account or "the account",
        "min_instances": str(least),
        "max_instances": str(max(scaling.max_instance_count or _MOST_INSTANCES, least)),
    }


def _repository(image: str) -> str:
    """Return an image without its tag and digest; the registry may have a port."""
    named = image.partition("@")[0]
    folder, slash, last = named.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def _filled(template: str, words: dict[str, str]) -> str:
    return string.Template((TEMPLATES / template).read_text()).substitute(words)
