"""Policy: where the images of a release may come from."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from slipway.policy.section import Section

Registry = Annotated[str, Field(pattern=r"^[a-z0-9.\[\]:-]+(/[a-z0-9._/-]*[a-z0-9])?$")]


class Images(Section):
    """Where images may come from. What is deployed is always the digest, whatever the tag says later.

    :param registries: hosts, or folders of one such as ``us-docker.pkg.dev/netra-production/hotfixes``, where
        a service's image may be, under its own name, beside its own place.
    :param binary_authorization: whether every production service must have Binary Authorization, by which
        Cloud Run admits signed and attested images alone; the project's own policy says which attestations.
    """

    registries: tuple[Registry, ...] = ()
    binary_authorization: bool = False

    def allowed(self, own: str) -> tuple[str, ...]:
        """Return the repositories that a service's image may be in.

        :param own: the service's own repository, ``host/name``.
        """
        name = own.rpartition("/")[2]
        return tuple(dict.fromkeys((own, *(f"{registry}/{name}" for registry in self.registries))))
