"""Users of a service: what they ask for, and every request that was not answered."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PER_SECOND = 40.0
_SECONDS = 10.0


@dataclass(frozen=True)
class Lost:
    """A request that was not answered as it should be.

    :param began: Unix time at which it was sent.
    :param ended: Unix time at which it was given up.
    """

    began: float
    ended: float
    why: str


@dataclass
class Users:
    """The users of one service, who ask one after the other.

    :param url: where it is.
    """

    url: str
    served: int = 0
    lost: list[Lost] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        """Ask until it is over."""
        host = urlsplit(self.url).netloc
        connection = http.client.HTTPConnection(host, timeout=_SECONDS)
        while not self._over.wait(1 / PER_SECOND):
            began = time.time()
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.lost.append(Lost(began, time.time(), repr(error)))
                continue
            # A revision's own errors say so; they are what the bake is for.
            if answer.status == http.client.OK or answer.getheader("x-slipway-revision"):
                self.served += 1
            else:
                self.lost.append(Lost(began, time.time(), f"answered {answer.status}"))
        connection.close()

    def end(self) -> None:
        """Ask no more."""
        self._over.set()


@contextmanager
def using(url: str) -> Iterator[Users]:
    """Have users ask a service until the end of the block."""
    users = Users(url)
    thread = threading.Thread(target=users.ask)
    thread.start()
    try:
        yield users
    finally:
        users.end()
        thread.join()
