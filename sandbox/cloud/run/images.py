"""Container images: built from a list in YAML, found by reference."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox.cloud.run.container import ImageConfig

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Blob:
    """Content with its media type.

    :param content: the bytes, as served.
    """

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """``sha256:...`` of the content."""
        return "sha256:" + hashlib.sha256(self.content).hexdigest()

    def descriptor(self) -> dict[str, Any]:
        """OCI descriptor of this content."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


class Images:
    """All images of the registry.

    :param authority: ``host:port`` that references start with.
    :param path: YAML file: repository, to ``command`` and, per tag, the environment that tag's image adds.
    :raises ValueError: the file has another shape.
    """

    def __init__(self, authority: str, path: Path) -> None:
        self._authority = authority
        self.blobs: dict[str, Blob] = {}
        self._manifests: dict[str, dict[str, Blob]] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._commands: list[list[str]] = []
        for repository, values in yaml.safe_load(path.read_text()).items():
            if not isinstance(values, dict) or set(values) != {"command", "tags"}:
                raise ValueError(f"{path}: {repository} must have exactly the keys command and tags")
            self._commands.append(list(values["command"]))
            for tag, environment in values["tags"].items():
                self._add(repository, str(tag), values["command"], environment or {})

    @property
    def modules(self) -> list[str]:
        """Modules that images run with ``python -m``."""
        return sorted({command[2] for command in self._commands if command[:2] == ["python", "-m"]})

    def tags(self, repository: str) -> list[str] | None:
        """Tags of a repository; None when there is no such repository."""
        return sorted(self._tags[repository]) if repository in self._tags else None

    def manifest(self, repository: str, reference: str) -> Blob | None:
        """Manifest by tag or digest."""
        digest = self._tags.get(repository, {}).get(reference, reference)
        return self._manifests.get(repository, {}).get(digest)

    def config(self, reference: str) -> ImageConfig | None:
        """Config of a full image reference, ``host:port/repository:tag`` or ``...@sha256:...``."""
        authority, _, path = reference.partition("/")
        repository, _, digest = path.partition("@")
        repository, _, tag = repository.partition(":")
        manifest = self.manifest(repository, digest or tag or "latest")
        if authority != self._authority or manifest is None:
            return None
        blob = self.blobs[json.loads(manifest.content)["config"]["digest"]]
        config = json.loads(blob.content)["config"]
        environment = dict(variable.split("=", 1) for variable in config["Env"])
        return ImageConfig((), tuple(config["Cmd"]), environment)

    def _add(self, repository: str, tag: str, command: list[str], environment: dict[str, Any]) -> None:
        layer = Blob(_LAYER_TYPE, f"{repository}:{tag}".encode())
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": command, "Env": [f"{name}={value}" for name, value in environment.items()]},
            "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
        }
        config_blob = Blob(CONFIG_TYPE, _canonical(config))
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": config_blob.descriptor(),
            "layers": [layer.descriptor()],
        }
        blob = Blob(MANIFEST_TYPE, _canonical(manifest))
        self.blobs |= {config_blob.digest: config_blob, layer.digest: layer}
        self._manifests.setdefault(repository, {})[blob.digest] = blob
        self._tags.setdefault(repository, {})[tag] = blob.digest


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
