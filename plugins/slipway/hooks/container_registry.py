"""The door to a container registry: what digest a tag stands for now (OCI distribution API)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import tenacity
from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from airflow.sdk.bases.hook import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from slipway.exceptions import ImageNotFound, ImageReferenceInvalid, RegistryUnavailable
from slipway.hooks.google.endpoint import GoogleEndpointMixin
from slipway.hooks.google.tokens import GoogleToken

MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
REFERENCE = re.compile(
    r"(?P<host>(?:localhost|\[[0-9a-f:]+\]|[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::\d{1,5})?)"
    r"/(?P<name>[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)"
    rf"(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>{DIGEST.pattern}))?"
)


@dataclass(frozen=True)
class ImageReference:
    """An image in a named registry.

    :param host: registry, with its port when it has one.
    :param name: repository.
    :param reference: tag or digest; a digest wins when both are given.
    """

    host: str
    name: str
    reference: str

    @classmethod
    def parse(cls, image: str) -> ImageReference:
        """Read ``host/name:tag``, ``host/name@sha256:...`` or both together.

        :param image: the text, such as ``gcr.io/project/image:1.4.2``.
        :raises ImageReferenceInvalid: when it is neither; there is no default registry and no default tag.
        """
        match = REFERENCE.fullmatch(image)
        if match is None or not (match["tag"] or match["digest"]):
            raise ImageReferenceInvalid(
                f"image={image!r}: must be host/name:tag or host/name@sha256:<64 hex digits>,"
                " with the registry's host and a tag or digest"
            )
        return cls(match["host"], match["name"], match["digest"] or match["tag"])

    @property
    def registry_url(self) -> str:
        """Address of the registry; plain HTTP on this machine alone."""
        local = self.host.rsplit(":", 1)[0] in LOOPBACK or self.host in LOOPBACK
        scheme = "http" if local else "https"
        return f"{scheme}://{self.host}"

    def manifest_url(self, registry_url: str | None = None) -> str:
        """Return the address of the manifest.

        :param registry_url: where the registry is, when not at its host.
        """
        return f"{registry_url or self.registry_url}/v2/{self.name}/manifests/{self.reference}"

    def at(self, digest: str) -> str:
        """Return the reference that can mean only one image."""
        return f"{self.host}/{self.name}@{digest}"


class _RegistryAddress(GoogleEndpointMixin, GoogleBaseHook):
    """What a connection says about where the registry is."""

    endpoint_name = "registry"


class ContainerRegistryHook(BaseHook):
    """Ask a container registry about images.

    :param gcp_conn_id: Airflow connection whose token is sent to gcr.io and pkg.dev, to no other registry.
        Its extra ``api_endpoints`` may name another address for ``registry``, the one of every image then.
    :param timeout: bound of one request, in seconds.
    """

    def __init__(self, gcp_conn_id: str = "google_cloud_default", timeout: float = 10.0) -> None:
        super().__init__()
        self._gcp_conn_id = gcp_conn_id
        self._token = GoogleToken(gcp_conn_id)
        self._timeout = timeout

    def resolve_digest(self, image: str) -> str:
        """Return ``host/name@sha256:...`` for an image given by tag, or by a digest that exists.

        :param image: ``host/name:tag`` or ``host/name@sha256:...``.
        :raises ImageReferenceInvalid: when ``image`` is neither.
        :raises ImageNotFound: when the registry does not have it.
        :raises RegistryUnavailable: when the registry refuses, or gives no usable answer.
        """
        reference = ImageReference.parse(image)
        url = reference.manifest_url(self._registry_url())
        headers = {"Accept": MANIFESTS, **self._token.headers(url, RegistryUnavailable)}
        try:
            with httpx.Client(timeout=self._timeout) as client:
                for attempt in _attempts():
                    with attempt:
                        response = client.head(url, headers=headers)
                        if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
                            response.raise_for_status()
        except httpx.HTTPError as error:
            raise RegistryUnavailable(
                f"image {image}: {reference.host} gives no usable answer: {error}"
            ) from error
        return reference.at(_digest(image, reference, response))

    def _registry_url(self) -> str | None:
        try:
            return _RegistryAddress(gcp_conn_id=self._gcp_conn_id).endpoint
        except AirflowNotFoundException:
            # A registry that is not Google's is asked without any connection.
            return None


def _attempts() -> Iterator[tenacity.AttemptManager]:
    return iter(
        tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(httpx.HTTPError),
            stop=tenacity.stop_after_attempt(4),
            wait=tenacity.wait_exponential_jitter(initial=0.2, max=2.0, jitter=0.2),
            reraise=True,
        )
    )


def _digest(image: str, reference: ImageReference, response: httpx.Response) -> str:
    if response.status_code == httpx.codes.NOT_FOUND:
        raise ImageNotFound(
            f"image {image}: {reference.host} does not have it; push it, or name a tag that exists"
            f" (see {reference.host}/v2/{reference.name}/tags/list)"
        )
    if not response.is_success:
        raise RegistryUnavailable(
            f"image {image}: {reference.host} answers {response.status_code}; check that the connection's"
            " account may read this repository"
        )
    digest: str = response.headers.get("Docker-Content-Digest", "")
    if DIGEST.fullmatch(digest) is None:
        raise RegistryUnavailable(f"image {image}: {reference.host} names no digest (got {digest!r})")
    if DIGEST.fullmatch(reference.reference) and reference.reference != digest:
        raise RegistryUnavailable(f"image {image}: {reference.host} answers with another digest, {digest}")
    return digest
