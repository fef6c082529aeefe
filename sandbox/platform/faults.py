"""Deliberate misbehaviour, so that a bad version can be released and caught.

Every fault is a variable of the image; a version without any behaves.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Faults:
    """What this process does wrong. Shares and rates are between 0 and 1.

    :param error_rate: share of API requests and WebSocket handshakes answered with 500.
    :param latency_seconds: delay of the share ``latency_share`` of API requests.
    :param memory_leak_bytes: memory kept per API request.
    :param cost_factor: factor on every cost.
    :param event_loss_rate: share of WebSocket events that never reach the client.
    :param event_delay_seconds: delay of every WebSocket event.
    :param session_leak_rate: share of requests answered with another user's session.
    :param no_optimization: attempts cut nothing.
    :param crash_on_start: the process exits with 1 at once.
    :param outages: while one of these files exists every API request is answered with 500.
    :param socket_refusal_rate: share of WebSocket handshakes answered with 503.
    :param token_loss_rate: share of sign-ins answered with 200 and without a token.
    """

    error_rate: float = 0.0
    latency_seconds: float = 0.0
    latency_share: float = 0.0
    memory_leak_bytes: int = 0
    cost_factor: Decimal = Decimal(1)
    event_loss_rate: float = 0.0
    event_delay_seconds: float = 0.0
    session_leak_rate: float = 0.0
    no_optimization: bool = False
    crash_on_start: bool = False
    outages: tuple[Path, ...] = ()
    socket_refusal_rate: float = 0.0
    token_loss_rate: float = 0.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Faults:
        """Read the ``FAULT_*`` variables; all are off when ``FAULT_ENVIRONMENT`` names another environment.

        :param environment: environment variables of the process.
        :raises ValueError: naming the variable that is out of its range.
        """
        only_in = environment.get("FAULT_ENVIRONMENT", "")
        if only_in and only_in != environment.get("ENVIRONMENT", ""):
            return cls()
        if seed := environment.get("FAULT_SEED"):
            # For tests that count: the same requests in the same order meet the same faults.
            random.seed(seed)
        latency = _number(environment, "FAULT_LATENCY_SECONDS", 600)
        return cls(
            error_rate=_number(environment, "FAULT_ERROR_RATE", 1),
            socket_refusal_rate=_number(environment, "FAULT_SOCKET_REFUSAL_RATE", 1),
            token_loss_rate=_number(environment, "FAULT_TOKEN_LOSS_RATE", 1),
            latency_seconds=latency,
            latency_share=_number(environment, "FAULT_LATENCY_SHARE", 1, default="1" if latency else "0"),
            memory_leak_bytes=int(_number(environment, "FAULT_MEMORY_LEAK_BYTES", 2**30)),
            cost_factor=_factor(environment, "FAULT_COST_FACTOR"),
            event_loss_rate=_number(environment, "FAULT_EVENT_LOSS_RATE", 1),
            event_delay_seconds=_number(environment, "FAULT_EVENT_DELAY_SECONDS", 600),
            session_leak_rate=_number(environment, "FAULT_SESSION_LEAK_RATE", 1),
            no_optimization=_switch(environment, "FAULT_NO_OPTIMIZATION"),
            crash_on_start=_switch(environment, "FAULT_CRASH_ON_START"),
            outages=_files(environment, "FAULT_OUTAGE_FILE"),
        )

    def fails(self) -> bool:
        """Tell whether the present API request is answered with an error."""
        return strikes(self.error_rate) or any(outage.exists() for outage in self.outages)


def strikes(share: float) -> bool:
    """Tell whether a fault of this share happens to the present request."""
    return share > 0 and random.random() < share  # noqa: S311  chance, not a secret


def _number(environment: Mapping[str, str], name: str, largest: float, default: str = "0") -> float:
    value = environment.get(name) or default
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{name}={value!r}: must be a number") from None
    if not 0 <= number <= largest:
        raise ValueError(f"{name}={value}: must be between 0 and {largest:g}")
    return number


def _factor(environment: Mapping[str, str], name: str) -> Decimal:
    value = environment.get(name) or "1"
    try:
        factor = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{name}={value!r}: must be a decimal number") from None
    if not factor.is_finite() or factor < 0:
        raise ValueError(f"{name}={value}: must not be negative")
    return factor


def _files(environment: Mapping[str, str], name: str) -> tuple[Path, ...]:
    """Return files of the sandbox's home, whose names stand one after another."""
    home = Path(environment.get("SLIPWAY_HOME", "."))
    return tuple(home / value for value in environment.get(name, "").split())


def _switch(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() in {"1", "true", "yes"}
