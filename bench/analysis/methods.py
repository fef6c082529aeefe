"""The methods that are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from slipway.policy.release import Policy

from bench.analysis import argo_rollouts, flagger, kayenta, release_manager, slipway_method
from bench.analysis.outcome import Outcome
from bench.analysis.traffic import Traffic

Method = Callable[[Traffic], Outcome]

OURS = "slipway"

#: Variants of our own: what the policy's choices cost.
VARIANTS = ("slipway strict", "slipway 60 s", "slipway burst 90 s")


def methods(policy: Policy) -> Mapping[str, Method]:
    """Return every method by its name in the table.

    :param policy: Slipway's policy.
    """
    strict = _changed(policy, rollback_null="strict")
    robust = _changed(policy, burst_seconds=90)
    return {
        OURS: lambda traffic: slipway_method.decide(traffic, policy),
        "slipway strict": lambda traffic: slipway_method.decide(traffic, strict),
        "slipway 60 s": lambda traffic: slipway_method.decide(traffic, policy, check_every=4),
        "slipway burst 90 s": lambda traffic: slipway_method.decide(traffic, robust),
        "flagger": flagger.documented,
        "flagger, our limits": flagger.with_policy_limits,
        "argo": argo_rollouts.documented,
        "argo 1m, our limits": argo_rollouts.with_policy_limits,
        "argo 5m, our limits": argo_rollouts.with_policy_limits_five_minutes,
        "kayenta 60m": kayenta.hourly,
        "kayenta 10m": kayenta.every_ten_minutes,
        "release manager": release_manager.documented,
        "release manager, our limits": release_manager.with_policy_limits,
    }


def _changed(policy: Policy, **rules: object) -> Policy:
    return policy.model_copy(update={"decision": policy.decision.model_copy(update=rules)})
