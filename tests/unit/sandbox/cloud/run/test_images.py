"""The registry's images."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.cloud.run.images import Images

FILE = Path("sandbox/cloud/run/images.yaml")
AUTHORITY = "127.0.0.1:18082"


@pytest.fixture(scope="module")
def images() -> Images:
    return Images(AUTHORITY, Path(__file__).parents[5] / FILE)


def test_every_release_of_the_product_is_there(images: Images) -> None:
    for component in ("backend", "auth", "frontend"):
        assert {"1.0.0", "1.1.0", "1.2.0"} <= set(images.tags(f"netra/{component}") or ())
        config = images.config(f"{AUTHORITY}/netra/{component}:1.1.0")
        assert config is not None
        assert config.command == ("python", "-m", f"sandbox.platform.{component}")
    assert images.config(f"{AUTHORITY}/netra/backend:1.2.0").environment == {  # type: ignore[union-attr]
        "FAULT_ERROR_RATE": "0.05",
        "FAULT_ENVIRONMENT": "production",
    }


def test_each_tag_is_another_image(images: Images) -> None:
    tags = images.tags("netra/backend") or []
    assert len({images.manifest("netra/backend", tag).digest for tag in tags}) == len(tags)  # type: ignore[union-attr]


def test_by_digest(images: Images) -> None:
    manifest = images.manifest("netra/backend", "1.1.0-slow")
    assert manifest is not None
    config = images.config(f"{AUTHORITY}/netra/backend@{manifest.digest}")
    assert config is not None
    assert "FAULT_LATENCY_SECONDS" in config.environment


@pytest.mark.parametrize(
    "reference",
    [
        f"{AUTHORITY}/netra/backend:9.9.9",
        f"{AUTHORITY}/netra/backend",
        f"{AUTHORITY}/netra/other:1.1.0",
        f"{AUTHORITY}/netra/auth@sha256:{'0' * 64}",
        "gcr.io/netra/backend:1.1.0",
        "",
    ],
)
def test_not_found(images: Images, reference: str) -> None:
    assert images.config(reference) is None


def test_wrong_file(tmp_path: Path) -> None:
    path = tmp_path / "images.yaml"
    path.write_text("netra/backend: {cmd: [python]}")
    with pytest.raises(ValueError, match="netra/backend must have exactly the keys command and tags"):
        Images(AUTHORITY, path)
