"""Prompts as the platform's users write them: pasted context, courtesies, repetition, untidy space."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

CONCISE_SHARE = 0.01
#: Messages of a conversation that is pasted whole, and how many prompts of a hundred hold so many.
CONVERSATIONS = {1: 85, 2: 10, 4: 4, 16: 1}
GPT4_SHARE = 0.15


@dataclass(frozen=True)
class Prompt:
    """One request's content.

    :param agent_name: which of the user's agents asks.
    :param model: model the prompt is meant for.
    :param text: the prompt.
    """

    agent_name: str
    model: str
    text: str


@dataclass(frozen=True)
class _Work:
    agent_name: str
    tasks: tuple[str, ...]
    facts: tuple[str, ...]


_GREETINGS = (
    "Hello there, I hope you are doing well today.",
    "Good morning, I hope this message finds you well.",
    "Hi team, I hope you are well.",
    "Dear assistant, I hope this note finds you well.",
)
_CLOSINGS = (
    "Thank you very much in advance for your help.",
    "I would really appreciate it if this could be done today.",
    "Please let me know in case anything is unclear.",
    "Many thanks again for your support.",
)
_INSTRUCTIONS = (
    "Please make sure to take into consideration the majority of the points listed above.",
    "It is important to note that answers must be very short, due to the fact that they are read on a phone.",
    "In the event that something is missing, please kindly say so prior to answering.",
    "Could you please use plain language in order to keep it quite easy to read?",
)
_WORK = (
    _Work(
        "support-triage",
        (
            "Could you please provide a summary of ticket {n} for the engineer on duty, so as to save time?",
            "I would like you to decide which team should handle ticket {n} at this point in time.",
        ),
        (
            "The customer has been on the enterprise plan since March and has {n} seats.",
            "Exports of invoices have failed with error code {n} since the update on Tuesday.",
            "The first reply promised a fix within two working days.",
            "Their finance team closes the month on Friday and needs the files before noon.",
            "A colleague tried the same export in another browser and saw the same error.",
            "The audit log shows {n} failed attempts from two addresses in Lisbon.",
            "Smaller exports of up to fifty invoices do complete.",
            "The account manager has asked for an update every four hours.",
            "The status page did not mention an incident during that time.",
            "They are able to reach the service and all other pages load normally.",
        ),
    ),
    _Work(
        "sales-analyst",
        (
            "Please conduct an analysis of the sales numbers of region {n} with regard to the last quarter.",
            "Could you kindly explain why revenue in region {n} moved, with respect to the plan?",
        ),
        (
            "Revenue in the north grew by {n} thousand while the south stayed flat.",
            "The discount campaign in May covered a large number of existing customers.",
            "Returns rose to four percent after the change of the parcel service.",
            "Two of the largest accounts moved their orders into the following quarter.",
            "The new price list came into force on the first of June.",
            "Online orders now make up {n} of every thousand orders.",
            "Stock of the small model ran out in the second week of the campaign.",
            "The sales team lost two people and hired one.",
            "Competitors lowered their prices for the basic package by a tenth.",
            "Customer surveys mention delivery times more often than the price.",
        ),
    ),
    _Work(
        "code-reviewer",
        (
            "I need you to review change {n} and provide an explanation of what could go wrong.",
            "Would you please check change {n} for races, in order to make a decision about the merge?",
        ),
        (
            "The worker takes a job from the queue and marks it as running in the same transaction.",
            "A second worker is started when more than {n} jobs are waiting.",
            "The retry loop waits twice as long after every failure, up to a minute.",
            "Results are written to the table and then the job is removed from the queue.",
            "The connection pool holds ten connections and hands them out in order.",
            "A timeout of {n} seconds applies to each job as a whole.",
            "On shutdown the worker stops taking jobs and waits for the running ones.",
            "The test suite covers the happy path and one failure of the database.",
            "Logging of the payload was removed because it contained addresses.",
            "The migration adds a column with a default and an index on it.",
        ),
    ),
    _Work(
        "travel-planner",
        (
            "Could you please plan the trip of group {n}, so as to keep the walking distances short?",
            "We would like you to suggest a plan for group {n} with regard to the second day.",
        ),
        (
            "The group consists of {n} people, three of them children below the age of six.",
            "They arrive at the main station at a quarter past nine in the morning.",
            "Lunch is booked for noon in close proximity to the harbour.",
            "Museum tickets are valid for one entry on either of the two days.",
            "The boat tour leaves every forty minutes until five in the afternoon.",
            "One guest uses a wheelchair and cannot take stairs.",
            "The budget for each person is {n} euros without the hotel.",
            "Rain is expected on the second day from three in the afternoon.",
            "The hotel offers to keep the luggage until the evening.",
            "Most of them have seen the old town on an earlier visit.",
        ),
    ),
)
_CONCISE = (
    "List colour, weight, length, width, height, voltage, current, power, torque, speed, range, payload, "
    "charge time, warranty, price, vendor, order number, delivery week, country of origin, tariff code, "
    "hazard class, storage temperature, shelf life and recycling code of part {n}-{m} as a table. "
)


def generate(random: Random) -> Prompt:
    """Return a new prompt.

    About one in a hundred is so concise that nothing can be cut from it.

    :param random: source of chance; the same state gives the same prompt.
    """
    work = random.choice(_WORK)
    model = "gpt-4" if random.random() < GPT4_SHARE else "gpt-3.5-turbo"
    if random.random() < CONCISE_SHARE:
        text = _CONCISE.format(n=random.randrange(1000, 9999), m=random.randrange(100, 999)).rstrip()
        return Prompt(work.agent_name, model, text)
    return Prompt(work.agent_name, model, _wordy(work, random))


def generate_conversation(random: Random) -> Prompt:
    """Return a new prompt of any size: one message of about 230 tokens, or a conversation of up to 3,600.

    :param random: source of chance; the same state gives the same prompt.
    """
    (messages,) = random.choices(list(CONVERSATIONS), list(CONVERSATIONS.values()))
    first = generate(random)
    others = [_wordy(random.choice(_WORK), random) for _ in range(messages - 1)]
    return replace(first, text="\n\n".join((first.text, *others)))


def corpus(size: int, seed: int = 20) -> list[Prompt]:
    """Return ``size`` prompts, always the same ones for one seed."""
    random = Random(seed)
    return [generate(random) for _ in range(size)]


def _wordy(work: _Work, random: Random) -> str:
    facts = [fact.replace("{n}", str(random.randrange(20, 990))) for fact in random.sample(work.facts, 8)]
    # Quoting the earlier mail brings some of the facts a second time.
    quoted = random.sample(facts, random.choice((2, 3, 3)))
    task = random.choice(work.tasks).format(n=random.randrange(1000, 9999))
    gap = random.choice(("\n", "\n\n", "\n\n\n", " \n\n"))
    space = random.choice((" ", " ", "  "))
    return gap.join(
        (
            random.choice(_GREETINGS) + space + task,
            space.join(facts),
            "Earlier message: " + space.join(quoted),
            space.join(random.sample(_INSTRUCTIONS, 2)),
            random.choice(_CLOSINGS),
        )
    )
