"""Feature flags: those that the revision mounts, until a rollback publishes newer ones."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Mapping

import httpx

from sandbox.platform.outgoing import open_client

LOOK_SECONDS = 2.0
ANSWER_SECONDS = 2.0
ROLLBACK_ALIAS = "rollback"

_log = logging.getLogger(__name__)


class FeatureFlags:
    """The flags in force.

    A revision mounts its flags by version number, so nothing about it changes by itself. A rollback must
    reach what runs all the same: it names the version to fall back to by the alias ``rollback``. Whoever
    mounts an older version follows it; a later release mounts a newer one and does not.

    :param mounted: the flags that the revision mounts; one that is not there is on.
    :param reference: resource name of the version that it mounts, ``projects/*/secrets/*/versions/<number>``;
        empty when nobody told, and then no rollback reaches this process.
    :param endpoint: address of Secret Manager.
    """

    def __init__(self, mounted: Mapping[str, str], reference: str = "", endpoint: str = "") -> None:
        self._flags = dict(mounted)
        self._secret, _, number = reference.rpartition("/versions/")
        self._version = int(number) if number else 0
        self._endpoint = endpoint

    def on(self, name: str) -> bool:
        """Tell whether a feature is on."""
        return self._flags.get(name, "true").lower() == "true"

    async def run(self) -> None:
        """Check for a rollback's flags periodically."""
        while self._secret:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Take over a rollback's flags when they are newer; what cannot be read changes nothing."""
        if not self._secret:
            return
        url = f"{self._endpoint}/v1/{self._secret}/versions/{ROLLBACK_ALIAS}:access"
        try:
            async with open_client(ANSWER_SECONDS) as client:
                answer = await client.get(url)
            if answer.status_code == 404:
                return
            found = answer.raise_for_status().json()
            version = int(found["name"].rpartition("/")[2])
            if version > self._version:
                content = json.loads(base64.b64decode(found["payload"]["data"]))
                self._flags |= {str(name): str(value) for name, value in content.items()}
                self._version = version
                _log.warning("a rollback's feature flags are in force: version %d", version)
        except (httpx.HTTPError, ValueError, KeyError, AttributeError) as error:
            _log.warning("cannot check for a rollback's feature flags: %s", type(error).__name__)
