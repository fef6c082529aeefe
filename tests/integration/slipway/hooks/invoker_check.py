"""What stands in front of a Cloud Run service that admits only some callers, and the issuer of their tokens.

The check is Google's: the token in ``X-Serverless-Authorization`` must be signed by the issuer and meant for
this service. A request that passes it is forwarded without that header.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

ACCOUNT = "slipway@netra-production.iam.gserviceaccount.com"
ISSUER = "https://accounts.google.com"
TOKEN_URI = "https://oauth2.googleapis.com/token"
"""What an account's own assertion is meant for, wherever it is sent to."""
HEADER = "X-Serverless-Authorization"


class Key:
    """A key pair: the account's, or the issuer's."""

    def __init__(self) -> None:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.private = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        self.public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def signed(self, claims: dict[str, Any]) -> str:
        """Sign claims that hold for an hour from now."""
        now = int(time.time())
        signer = crypt.RSASigner.from_string(self.private)
        token: bytes = jwt.encode(signer, {"iat": now, "exp": now + 3600, **claims})
        return token.decode()


class InvokerCheck:
    """A running check; the service behind it is reached by whoever passes.

    :param upstream: base URL of the service.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.url = ""
        self.account, self.issuer = Key(), Key()
        self.refused = 0

    def connection(self) -> str:
        """Return the Airflow connection of the account that is admitted, by its key."""
        keyfile = {
            "type": "service_account",
            "client_email": ACCOUNT,
            "private_key": self.account.private,
            "private_key_id": "1",
            "token_uri": f"{self.url}/token",
            "project_id": "netra-production",
        }
        extra = {"project": "netra-production", "keyfile_dict": json.dumps(keyfile)}
        return json.dumps({"conn_type": "google_cloud_platform", "extra": extra})

    def issue(self, form: str) -> dict[str, str]:
        """Exchange what an account signed for a token that the issuer signed."""
        assertion = parse_qs(form)["assertion"][0]
        claims = jwt.decode(assertion, certs=self.account.public, audience=TOKEN_URI)
        wanted = {"iss": ISSUER, "aud": claims["target_audience"], "email": claims["iss"]}
        return {"id_token": self.issuer.signed(wanted)}

    def admits(self, header: str | None) -> bool:
        """Whether a token is the issuer's, for this service and for the account."""
        try:
            claims = jwt.decode(
                (header or "").removeprefix("Bearer "), certs=self.issuer.public, audience=self.url
            )
        except ValueError:
            return False
        return (claims["iss"], claims["email"]) == (ISSUER, ACCOUNT)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            status, answer = 200, self.server.check.issue(form)
        except ValueError as error:
            status, answer = 400, {"error": "invalid_grant", "error_description": str(error)}
        self._send(status, {}, json.dumps(answer).encode())

    def do_GET(self) -> None:
        check = self.server.check
        if not check.admits(self.headers.get(HEADER)):
            check.refused += 1
            self._send(403, {}, b"Your client does not have permission to get this URL.")
            return
        passed = {name: value for name, value in self.headers.items() if name not in ("Host", HEADER)}
        answer = httpx.get(check.upstream + self.path, headers=passed, trust_env=False)
        revision = answer.headers.get("x-slipway-revision", "")
        self._send(answer.status_code, {"x-slipway-revision": revision}, answer.content)

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def __init__(self, check: InvokerCheck) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.check = check


@contextmanager
def invoker_check(upstream: str) -> Iterator[InvokerCheck]:
    """Run a check in front of a service on a free loopback port."""
    check = InvokerCheck(upstream)
    server = _Server(check)
    check.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield check
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
