"""The faults that staging must catch, and how each is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: HTTP requests of the load that reach the backend's API, a second.
_API_REQUESTS = 78
_MIB = 2**20


@dataclass(frozen=True)
class Fault:
    """A version that something is wrong with.

    :param name: for ``FAULTS=``.
    :param title: for the table.
    :param backend: variables of the backend.
    :param auth: variables of the auth service.
    :param slow_generator: the load generator gets a quarter of the time.
    :param an_hour: a shortened load cannot show it: an hour of the strategy's load is simulated from its
        figures, and judged by the strategy's policy.
    :param leak_mib: of the simulated hour, in MiB an hour.
    :param breaches: of the simulated hour, share of the answers.
    """

    name: str
    title: str
    backend: Mapping[str, str] = field(default_factory=dict)
    auth: Mapping[str, str] = field(default_factory=dict)
    slow_generator: bool = False
    an_hour: bool = False
    leak_mib: float = 0.0
    breaches: float = 0.0


CLEAN = (
    Fault("clean", "sound version"),
    Fault("clean-hour", "sound version, simulated hour", an_hour=True),
)
FAULTS = (
    Fault("cost", "wrong cost (7 % too much)", {"FAULT_COST_FACTOR": "1.07"}),
    Fault("reduction", "no reduction", {"FAULT_NO_OPTIMIZATION": "true"}),
    Fault("late", "events 150 ms late", {"FAULT_EVENT_DELAY_SECONDS": "0.15"}),
    Fault("lost", "1 % of events lost", {"FAULT_EVENT_LOSS_RATE": "0.01"}),
    Fault("leak", "leak of 1 MiB/s", {"FAULT_MEMORY_LEAK_BYTES": str(_MIB // _API_REQUESTS)}),
    Fault("slow-leak", "leak of 20 MiB/h, simulated hour", an_hour=True, leak_mib=20),
    Fault("isolation", "breach once in 100 answers", {"FAULT_SESSION_LEAK_RATE": "0.01"}),
    Fault("rare-isolation", "breach once in 10,000, simulated hour", an_hour=True, breaches=1e-4),
    Fault("errors", "2 % errors", {"FAULT_ERROR_RATE": "0.02"}),
    Fault("token", "sign-in without token for half", auth={"FAULT_TOKEN_LOSS_RATE": "0.5"}),
    Fault("sockets", "90 % of sockets refused", {"FAULT_SOCKET_REFUSAL_RATE": "0.9"}),
    Fault("crash", "crash at start", {"FAULT_CRASH_ON_START": "true"}),
    Fault("slow", "slow generator", slow_generator=True),
)
