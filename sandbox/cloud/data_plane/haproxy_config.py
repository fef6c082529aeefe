"""HAProxy's configuration: one frontend per URL, one backend per revision slot.

Which revision answers is drawn per request: a frontend's map holds a backend for each of the numbers 0 to 99,
so a percentage is exact whatever the numbers of instances, and a shift is one atomic exchange of the map.
"""

from __future__ import annotations

from collections.abc import Iterable

SOCKET = "haproxy.sock"
TIMEOUTS = "timeouts.map"
"""The map of request time-outs in milliseconds, by backend."""
NOBODY = "nobody"
CLOSED = -1
"""The slot of URLs that Google's front end answers itself with 404: no container is asked."""
LOG_FORMAT = "\\t".join(("req", "%fp", "%b", "%s", "%ST", "%ts", "%Ta"))
"""Port, backend, server, status (-1 without an answer), termination state, milliseconds."""
QUEUE_SECONDS = 10
"""A request waits this long for an instance, at most ("About instance autoscaling": maximum instances)."""

_HEAD = """\
global
  noreuseport
  nbthread 1
  maxconn 4000
  stats socket unix@{socket} mode 600 level admin
  stats timeout 1h
  log fd@{log_fd} format raw local0 info
defaults
  mode http
  log global
  log-format "{log_format}"
  option dontlognull
  option http-server-close
  option redispatch 1
  retries 2
  retry-on conn-failure
  timeout connect 1s
  timeout queue {queue_seconds}s
  timeout client 120s
  timeout server 300s
  timeout tunnel 1h
  timeout client-fin 10s
  timeout http-request 30s
  timeout http-keep-alive 120s
backend {nobody}
backend {closed}
  http-request return status 404 content-type text/html string "Error 404 (Not Found)"
"""


#: Google's front end answers these paths itself, and no container sees them ("Known issues in Cloud Run",
#: reserved URL paths). Its documentation advises against every path that ends with z.
_RESERVED = """\
  acl reserved path_end z
  acl reserved path /eventlog
  acl reserved path_beg /_ah/
  http-request set-log-level silent if reserved
  http-request return status 404 content-type text/html string "Error 404 (Not Found)" if reserved
"""


#: Without an instance that takes a request in time, the front end answers 429; an instance that breaks the
#: connection off is a 503.
_TURNED_AWAY = """\
  http-error status 503 content-type text/plain string "There was no available instance."
  http-after-response set-status 429 reason "Too Many Requests" if { status 503 } !{ srv_id gt 0 }
"""


#: With session affinity a user's next request goes to the revision of the one before while that one has
#: traffic, whatever the split ("Session affinity").
_AFFINITY = """\
  http-request set-var(txn.kept) req.cook(GAESA),map({map})
  use_backend %[var(txn.kept)] if {{ var(txn.kept) -m found }}
  http-after-response add-header Set-Cookie "GAESA=%[be_name]; Max-Age=2592000; Path=/; HttpOnly" \
if !{{ var(txn.kept) -m found }} {{ be_name,map({map}) -m found }}
"""


#: A request without an answer within the revision's time-out is answered 504 ("Set request timeout").
_TIMEOUT = "  http-request set-timeout server str({name}),map_str_int({timeouts},300000)\n"


def map_name(port: int) -> str:
    """File name of a port's map, which is also its name on the runtime socket."""
    return f"p{port}.map"


def affinity_map_name(port: int) -> str:
    """File name of a port's second map: revisions whose users stay on them, by the value of their cookie."""
    return f"a{port}.map"


def backend_name(slot: int) -> str:
    """Name of a revision slot's backend."""
    return "closed" if slot == CLOSED else f"r{slot}"


def render(host: str, ports: Iterable[int], slots: int, log_fd: int) -> str:
    """Write the configuration; file names in it are relative to HAProxy's working directory.

    :param host: address to listen on.
    :param ports: ports to listen on.
    :param slots: how many revisions can be served at the same time.
    :param log_fd: inherited file descriptor of the request log.
    """
    # A connection to an instance serves one request: a reused one could be closed by the instance just as the
    # next request is sent on it, and such a request may not be sent again.
    parts = [
        _HEAD.format(
            socket=SOCKET,
            log_fd=log_fd,
            log_format=LOG_FORMAT,
            nobody=NOBODY,
            closed=backend_name(CLOSED),
            queue_seconds=QUEUE_SECONDS,
        )
    ]
    parts.extend(
        f"backend {name}\n  balance leastconn\n{_TURNED_AWAY}{_TIMEOUT.format(name=name, timeouts=TIMEOUTS)}"
        for name in map(backend_name, range(slots))
    )
    parts.extend(
        f"frontend p{port}\n  bind {host}:{port}\n{_RESERVED}"
        f"{_AFFINITY.format(map=affinity_map_name(port))}"
        f"  use_backend %[rand(100),map({map_name(port)},{NOBODY})]\n"
        for port in ports
    )
    return "".join(parts)


def map_entries(split: dict[int, int], *, half_still: dict[int, int]) -> list[str]:
    """Entries of a port's map.

    :param split: percent per slot; sums to 100 or is empty.
    :param half_still: a split that every second entry has still; empty when all have the new one.
    :raises ValueError: the percentages do not sum to 100.
    """
    backends, still = _backends(split), _backends(half_still)
    if backends and still:
        backends[::2] = still[::2]
    return [f"{number} {backend}" for number, backend in enumerate(backends)]


def _backends(split: dict[int, int]) -> list[str]:
    if split and sum(split.values()) != 100:
        raise ValueError(f"split {split}: the percentages must sum to 100")
    return [backend_name(slot) for slot, percent in sorted(split.items()) for _ in range(percent)]
