"""The sandbox's generated passwords and keys, kept in one private file."""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sandbox.supervisor.settings import Settings

FILE_VARIABLE = "SLIPWAY_CREDENTIALS"


@dataclass(frozen=True, repr=False)
class Credentials:
    """Every secret the sandbox's own processes share. Has no ``repr``, so that none ends in a log.

    :param postgres_password: password of the PostgreSQL superuser ``slipway``.
    :param clickhouse_password: password of the ClickHouse user ``slipway``.
    :param airflow_password: password of Airflow's user ``admin``.
    :param auth_signing_key: key the product's auth service signs its tokens with.
    :param airflow_secret_key: key Airflow's components sign their API tokens and sessions with.
    :param airflow_fernet_key: key Airflow encrypts its stored connections with (32 bytes, url-safe base64).
    """

    postgres_password: str
    clickhouse_password: str
    airflow_password: str
    auth_signing_key: str
    airflow_secret_key: str
    airflow_fernet_key: str

    def password_of(self, user: str) -> str:
        """Return the password of one of Airflow's users besides ``admin``.

        It is made of the secret key, so that a sandbox from before there were several users has them too.

        :param user: name of the user.
        """
        made = hmac.digest(self.airflow_secret_key.encode(), f"password of {user}".encode(), "sha256")
        return base64.urlsafe_b64encode(made[:12]).decode()


def _file(settings: Settings) -> Path:
    return settings.home / "credentials.json"


def load(settings: Settings) -> Credentials:
    """Read the credentials of this sandbox.

    :param settings: where the sandbox lives, and its ports.
    :raises FileNotFoundError: when the sandbox has none yet (``create`` makes them).
    """
    path = _file(settings)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no credentials; start the sandbox first (python -m sandbox up)")
    return Credentials(**json.loads(path.read_text()))


def create(settings: Settings) -> Credentials:
    """Make the credentials file, readable by its owner alone, unless it exists.

    They are made up, but for those in the JSON file that :data:`FILE_VARIABLE` names.

    :param settings: where the sandbox lives, and its ports.
    :return: the credentials now in the file.
    """
    path = _file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    made_up = {
        "postgres_password": secrets.token_urlsafe(24),
        "clickhouse_password": secrets.token_urlsafe(24),
        "airflow_password": secrets.token_urlsafe(12),
        "auth_signing_key": secrets.token_urlsafe(32),
        "airflow_secret_key": secrets.token_urlsafe(64),
        "airflow_fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    chosen = os.environ.get(FILE_VARIABLE)
    fresh = Credentials(**made_up | (json.loads(Path(chosen).read_text()) if chosen else {}))
    # A file that only its owner can read, under a name of its own.
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    draft = Path(name)
    with os.fdopen(descriptor, "w") as file:
        json.dump(dataclasses.asdict(fresh), file, indent=1)
    try:
        # A hard link fails when the name exists: of two processes starting at once, one set of keys wins.
        os.link(draft, path)
    except FileExistsError:
        return load(settings)
    finally:
        draft.unlink()
    return fresh
