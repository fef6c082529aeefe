"""The sandbox's Prometheus: the real server, under the URL path that Google's PromQL API has."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from sandbox.databases import downloads as downloading
from sandbox.databases.downloads import DOWNLOADS, ServerMissingError
from sandbox.databases.server_user import readable_copy, server_folder, server_user
from sandbox.supervisor.processes import SERVES, Program, answers
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

RULES = REPOSITORY / "include" / "monitoring" / "prometheus"
START_TIMEOUT_SECONDS = 120.0
_HELP = (
    "Put a `prometheus` on PATH (a package named prometheus, or https://prometheus.io/download) "
    "and start the sandbox again."
)


def executable(downloads: Path = DOWNLOADS) -> Path:
    """Return the Prometheus executable: from PATH, from an earlier download, or downloaded now.

    :param downloads: folder of downloads; survives the removal of the sandbox's state.
    :raises ServerMissingError: when it cannot be had; the message says what to install.
    """
    on_path = shutil.which("prometheus")
    if on_path:
        return Path(on_path).resolve()
    kept = downloads / "prometheus" / "usr" / "bin" / "prometheus"
    if not kept.exists():
        downloading.fetch("prometheus", downloads, _unpack, _HELP)
    return kept


def promtool(downloads: Path = DOWNLOADS) -> Path:
    """Return Prometheus's own tool, which comes with it.

    :param downloads: folder of the downloaded programs.
    :raises ServerMissingError: when there is none.
    """
    tool = executable(downloads).parent / "promtool"
    if not tool.exists():
        raise ServerMissingError(f"{tool.parent} has a prometheus and no promtool. {_HELP}")
    return tool


def program(settings: Settings) -> Program:
    """Return the server process; writes its configuration, the project's alert rules with it.

    :param settings: where the sandbox lives, and its ports.
    :raises ServerMissingError: when there is no executable and none can be downloaded.
    """
    folder = server_folder(settings, "prometheus")
    configuration = folder / "prometheus.yml"
    configuration.write_text(yaml.safe_dump(scrape_configuration(settings), sort_keys=False))
    configuration.chmod(0o644)
    for path in sorted(RULES.glob("*.yaml")):
        # Copied, because the server's user need not reach the repository.
        rules = folder / "rules" / path.name
        rules.parent.mkdir(mode=0o755, exist_ok=True)
        shutil.copyfile(path, rules)
        rules.chmod(0o644)
    binary = readable_copy(executable(), settings, "prometheus-program")
    command = [
        str(binary),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'series'}",
        # A sandbox lives for hours; its history would only fill the disk.
        "--storage.tsdb.retention.time=1d",
        f"--web.listen-address={HOST}:{settings.prometheus_port}",
        f"--web.route-prefix={urlsplit(settings.prometheus_url).path}",
        f"--web.external-url={settings.prometheus_url}",
        "--log.level=warn",
    ]
    return Program(
        name="prometheus",
        command=command,
        ready=lambda: answers(f"{settings.prometheus_url}/-/ready"),
        bound=START_TIMEOUT_SECONDS,
        folder=folder,
        user=server_user(),
        nice=SERVES,
    )


def scrape_configuration(settings: Settings) -> dict[str, object]:
    """Return Prometheus's configuration: the one exporter, once a second, its labels kept as they are."""
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules/*.yaml"],
        "scrape_configs": [
            {
                "job_name": "cloud_run",
                "honor_labels": True,
                "static_configs": [{"targets": [f"{HOST}:{settings.exporter_port}"]}],
            }
        ],
    }


def _unpack(work: Path) -> None:
    """Fetch and unpack the distribution's package, without root and without touching the system's state."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise ServerMissingError(f"Prometheus is not installed, nor is {tool} to fetch it. {_HELP}")
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True)
    apt_get = [
        "apt-get",
        "-q",
        "-o",
        f"Dir::State={work / 'state'}",
        "-o",
        f"Dir::Cache={work / 'cache'}",
        "-o",
        "Dir::State::status=/var/lib/dpkg/status",
        "-o",
        "APT::Sandbox::User=",
    ]
    downloading.run([*apt_get, "update"], work, _HELP)
    downloading.run([*apt_get, "download", "prometheus"], work, _HELP)
    package = next(work.glob("prometheus_*.deb"))
    downloading.run(["dpkg", "-x", str(package), str(work / "prometheus")], work, _HELP)
