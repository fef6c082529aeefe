"""Cutting the tokens of a prompt towards a target, the least lossy edits first.

An attempt is every prompt of at least ``MINIMUM_TOKENS`` tokens that the optimizer did not write itself.
An attempt fails when it raises or when no token could be cut; it succeeds otherwise. Edits stop as soon as
the target reduction is met, so that a prompt keeps as much of its wording as the target allows.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

from sandbox.platform import phrases
from sandbox.platform.draft import Draft
from sandbox.platform.tokens import count

MINIMUM_TOKENS = 40
REMEMBERED_OUTPUTS = 4096
LOSSY_EDITS = (phrases.without_courtesies, phrases.shortened, phrases.without_fillers)


@dataclass(frozen=True, slots=True)
class Optimization:
    """The outcome for one prompt.

    :param text: the prompt to send to the model.
    :param tokens_original: tokens of the prompt as it came.
    :param tokens_used: tokens of ``text``; never more than ``tokens_original``.
    :param attempted: whether a reduction was tried.
    """

    text: str
    tokens_original: int
    tokens_used: int
    attempted: bool

    @property
    def applied(self) -> bool:
        """Whether ``text`` has fewer tokens than the prompt as it came."""
        return self.tokens_used < self.tokens_original


class Optimizer:
    """Optimizes prompts towards one target reduction.

    :param target_percent: reduction to aim at, in percent of the prompt's tokens.
    :param max_retries: how many rounds of lossy edits may follow the lossless first one (0 to 3).
    :raises ValueError: when the target is not between 0 and 100, or there are fewer than 0 retries.
    """

    def __init__(self, target_percent: float, max_retries: int) -> None:
        if not 0 < target_percent < 100:
            raise ValueError(f"target reduction {target_percent} %: must be between 0 and 100")
        if max_retries < 0:
            raise ValueError(f"{max_retries} retries: must not be negative")
        self._keep = 1 - target_percent / 100
        self._edits = LOSSY_EDITS[:max_retries]
        self._outputs: OrderedDict[bytes, None] = OrderedDict()

    def optimize(self, prompt: str) -> Optimization:
        """Return the prompt with up to the target share of its tokens cut.

        The optimizer recognises what it wrote recently and leaves it alone: a conversation that sends an
        optimized prompt again must not lose another share of it every turn.
        """
        original = count(prompt)
        if original < MINIMUM_TOKENS or _digest(prompt) in self._outputs:
            return Optimization(prompt, original, original, attempted=False)
        text = self._shortened(prompt, goal=int(original * self._keep))
        tokens = count(text)
        if tokens >= original:
            return Optimization(prompt, original, original, attempted=True)
        self._remember(text)
        return Optimization(text, original, tokens, attempted=True)

    def _shortened(self, prompt: str, goal: int) -> str:
        draft = Draft(prompt, goal)
        draft.drop_repeated(exceed=False)
        for change in self._edits:
            draft.edit(change)
        draft.drop_repeated(exceed=True)
        return draft.text.rstrip()

    def _remember(self, text: str) -> None:
        self._outputs[_digest(text)] = None
        if len(self._outputs) > REMEMBERED_OUTPUTS:
            self._outputs.popitem(last=False)


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
