"""Nobody ever sees anything of somebody else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from include.acceptance.platform import Caller
from include.load_test.answers import mistake
from include.load_test.prompts import corpus

PROMPTS_EACH = 30


def test_users_working_at_the_same_time_get_their_own_sessions(sign_in: Callable[[], Caller]) -> None:
    callers = [sign_in() for _ in range(3)]
    work = [(caller, prompt) for prompt in corpus(PROMPTS_EACH, seed=7) for caller in callers]
    with ThreadPoolExecutor(max_workers=3) as pool:
        answers = list(pool.map(lambda item: item[0].optimize(item[1]), work))
    mistakes = [
        mistake(answer, caller.user_id, caller.session_key, prompt.text)
        for (caller, prompt), answer in zip(work, answers, strict=True)
    ]
    assert [text for text in mistakes if text] == []


def test_costs_of_one_user_do_not_show_in_anothers(sign_in: Callable[[], Caller]) -> None:
    busy, idle = sign_in(), sign_in()
    for prompt in corpus(3):
        busy.optimize(prompt)
    assert busy.costs_after(3)["requests"] == 3
    costs = idle.costs()
    assert (costs["user_id"], costs["requests"]) == (idle.user_id, 0)


def test_two_sessions_of_one_user_are_counted_apart(caller: Caller) -> None:
    prompt = corpus(1)[0]
    for _ in range(2):
        answer = caller.optimize(prompt, session_key=f"{caller.session_key}-first")
        assert answer["session_key"] == f"{caller.session_key}-first"
    other = caller.optimize(prompt, session_key=f"{caller.session_key}-second")
    assert other["session_key"] == f"{caller.session_key}-second"
    assert other["session"]["requests"] == 1
