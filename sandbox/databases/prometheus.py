"""The sandbox's Prometheus: the real server, under the URL path that Google's PromQL API has."""

from __future__ import annotations

import errno
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from sandbox.databases.server_user import readable_copy, server_folder, server_user
from sandbox.supervisor.processes import SERVES, Program, answers
from sandbox.supervisor.settings import HOST, REPOSITORY, Settings

DOWNLOADS = REPOSITORY / ".cache" / "slipway"
RULES = REPOSITORY / "include" / "monitoring" / "prometheus"
DOWNLOAD_TIMEOUT_SECONDS = 180.0
START_TIMEOUT_SECONDS = 120.0
_HELP = (
    "Put a `prometheus` on PATH (a package named prometheus, or https://prometheus.io/download) "
    "and start the sandbox again."
)


class PrometheusMissingError(RuntimeError):
    """There is no Prometheus on PATH and none could be downloaded."""


def executable(downloads: Path = DOWNLOADS) -> Path:
    """Return the Prometheus executable: from PATH, from an earlier download, or downloaded now.

    :param downloads: folder of downloads; survives the removal of the sandbox's state.
    :raises PrometheusMissingError: when it cannot be had; the message says what to install.
    """
    on_path = shutil.which("prometheus")
    if on_path:
        return Path(on_path).resolve()
    kept = downloads / "prometheus" / "usr" / "bin" / "prometheus"
    if not kept.exists():
        _download(downloads)
    return kept


def promtool(downloads: Path = DOWNLOADS) -> Path:
    """Return Prometheus's own tool, which comes with it.

    :param downloads: folder of the downloaded programs.
    :raises PrometheusMissingError: when there is none.
    """
    tool = executable(downloads).parent / "promtool"
    if not tool.exists():
        raise PrometheusMissingError(f"{tool.parent} has a prometheus and no promtool. {_HELP}")
    return tool


def program(settings: Settings) -> Program:
    """Return the server process; writes its configuration, the project's alert rules with it.

    :param settings: where the sandbox lives, and its ports.
    :raises PrometheusMissingError: when there is no executable and none can be downloaded.
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


def _download(downloads: Path) -> None:
    """Fetch and unpack the distribution's package, without root and without touching the system's state."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise PrometheusMissingError(f"Prometheus is not installed, nor is {tool} to fetch it. {_HELP}")
    try:
        downloads.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PrometheusMissingError(
            f"Prometheus is not installed, and a download cannot be kept in {downloads}: {error}. {_HELP}"
        ) from error
    with tempfile.TemporaryDirectory(dir=downloads) as name:
        work = Path(name)
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
        _run([*apt_get, "update"], work)
        _run([*apt_get, "download", "prometheus"], work)
        package = next(work.glob("prometheus_*.deb"))
        _run(["dpkg", "-x", str(package), str(work / "prometheus")], work)
        # The rename comes last: what is in place is complete.
        try:
            (work / "prometheus").rename(downloads / "prometheus")
        except OSError as error:
            # Another process has been faster.
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=DOWNLOAD_TIMEOUT_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise PrometheusMissingError(
            f"Prometheus is not installed, and `{' '.join(command)}` failed:\n{error.stderr.strip()}\n{_HELP}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise PrometheusMissingError(
            f"Prometheus is not installed, and `{' '.join(command)}` took over {error.timeout:.0f} s. {_HELP}"
        ) from error
