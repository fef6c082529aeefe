"""Image references."""

from __future__ import annotations

import pytest
from slipway.exceptions import ImageReferenceInvalid
from slipway.hooks.container_registry import ImageReference

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("image", "parts", "url"),
    [
        (
            "gcr.io/netra-production/netra-backend:1.1.0",
            ("gcr.io", "netra-production/netra-backend", "1.1.0"),
            "https://gcr.io/v2/netra-production/netra-backend/manifests/1.1.0",
        ),
        (
            f"us-docker.pkg.dev/p/r/web@{DIGEST}",
            ("us-docker.pkg.dev", "p/r/web", DIGEST),
            f"https://us-docker.pkg.dev/v2/p/r/web/manifests/{DIGEST}",
        ),
        (
            f"127.0.0.1:25002/netra/backend:1.1.0-slow@{DIGEST}",
            ("127.0.0.1:25002", "netra/backend", DIGEST),
            f"http://127.0.0.1:25002/v2/netra/backend/manifests/{DIGEST}",
        ),
        ("localhost/a:b", ("localhost", "a", "b"), "http://localhost/v2/a/manifests/b"),
        ("[::1]:5000/a:b", ("[::1]:5000", "a", "b"), "http://[::1]:5000/v2/a/manifests/b"),
        ("[::1]/a:b", ("[::1]", "a", "b"), "http://[::1]/v2/a/manifests/b"),
        ("127.0.0.1.example.com/a:b", ("127.0.0.1.example.com", "a", "b"), None),
    ],
)
def test_a_reference_is_read(image: str, parts: tuple[str, str, str], url: str | None) -> None:
    reference = ImageReference.parse(image)
    assert (reference.host, reference.name, reference.reference) == parts
    assert reference.manifest_url() == (url or f"https://{parts[0]}/v2/{parts[1]}/manifests/{parts[2]}")


@pytest.mark.parametrize(
    "image",
    [
        "",
        "backend",
        "backend:1",
        "netra/backend:1",
        "gcr.io/backend",
        "gcr.io/Backend:1",
        "gcr.io/../backend:1",
        "gcr.io/a:b/c",
        "http://gcr.io/a:b",
        "user@gcr.io/a:b",
        "gcr.io/a@sha256:12",
        f"gcr.io/a@{DIGEST}0",
        "gcr.io/a:b\n",
        "gcr.io/a:b c",
    ],
)
def test_anything_else_is_refused_by_name(image: str) -> None:
    with pytest.raises(ImageReferenceInvalid) as caught:
        ImageReference.parse(image)
    assert repr(image) in str(caught.value)
    assert isinstance(caught.value, ValueError)
