"""What a prompt can lose without losing its meaning: courtesies, verbose phrases and fillers."""

from __future__ import annotations

import re

COURTESIES = (
    r"(?:dear|hello|hi|good (?:morning|afternoon|evening))(?: (?:assistant|team|there|all))?[,!.]",
    r"i hope (?:this (?:message|note|request) finds you|you are(?: doing)?) well[^.!?\n]*[.!?]",
    r"(?:many )?thanks?(?: you)?(?: (?:so|very) much)?(?: (?:in advance|again|for your [a-z ]+))*[.!]",
    r"thank you(?: (?:so|very) much)?(?: (?:in advance|again))?(?: for your [a-z ]+)?[.!]",
    r"i (?:would|'d) (?:really |greatly )?appreciate (?:it|your help)[^.!?\n]*[.!?]",
    r"(?:please )?(?:let me know|do not hesitate)[^.!?\n]*[.!?]",
    r"(?:kind|best|warm) regards[,.]?",
    r"(?:could|would|can) you (?:please |kindly |possibly )*",
    r"(?:i would like you|i want you|i need you|we would like you) to ",
    r"if (?:it is|it's) (?:at all )?possible,? ",
    r"please (?:kindly |be sure to |make sure to |make sure that you |note that )?",
    r"kindly ",
)

VERBOSE = {
    "due to the fact that": "because",
    "in light of the fact that": "because",
    "in spite of the fact that": "although",
    "in the event that": "if",
    "under circumstances in which": "when",
    "at this point in time": "now",
    "at the present time": "now",
    "in the near future": "soon",
    "in order to": "to",
    "so as to": "to",
    "for the purpose of": "for",
    "with regard to": "about",
    "with respect to": "about",
    "in relation to": "about",
    "in connection with": "about",
    "a large number of": "many",
    "a significant number of": "many",
    "the majority of": "most",
    "in close proximity to": "near",
    "has the ability to": "can",
    "have the ability to": "can",
    "is able to": "can",
    "are able to": "can",
    "it is important to note that ": "",
    "it should be noted that ": "",
    "it is worth mentioning that ": "",
    "as a matter of fact, ": "",
    "needless to say, ": "",
    "take into consideration": "consider",
    "make a decision": "decide",
    "come to a conclusion": "conclude",
    "provide an explanation of": "explain",
    "provide a summary of": "summarise",
    "conduct an analysis of": "analyse",
    "each and every": "every",
    "first and foremost": "first",
    "prior to": "before",
    "subsequent to": "after",
    "on a regular basis": "regularly",
    "on a daily basis": "daily",
    "until such time as": "until",
    "despite the fact that": "although",
    "in the process of": "",
    "as well as": "and",
}

FILLERS = (
    "absolutely",
    "actually",
    "basically",
    "certainly",
    "definitely",
    "essentially",
    "extremely",
    "generally speaking,",
    "honestly",
    "in fact,",
    "literally",
    "of course,",
    "quite",
    "really",
    "simply",
    "very",
)

_WORD_START = r"(?<![\w'-])"
_WORD_END = r"(?![\w'-])"

COURTESY = re.compile(_WORD_START + "(?:" + "|".join(COURTESIES) + r")[ \t]*", re.IGNORECASE)
VERBOSE_PHRASE = re.compile(
    _WORD_START
    + "("
    + "|".join(re.escape(phrase.strip()) for phrase in sorted(VERBOSE, key=len, reverse=True))
    + ")"
    + _WORD_END
    + r"([ \t]*)",
    re.IGNORECASE,
)
FILLER = re.compile(
    _WORD_START + "(?:" + "|".join(re.escape(filler) for filler in FILLERS) + r")(?<=[\w,])[ \t]+",
    re.IGNORECASE,
)
_REPLACEMENTS = {phrase.strip(): replacement for phrase, replacement in VERBOSE.items()}


def without_courtesies(sentence: str) -> str:
    """Return the sentence without greetings, thanks and polite wrapping of its request."""
    return COURTESY.sub("", sentence)


def shortened(sentence: str) -> str:
    """Return the sentence with its verbose phrases replaced by short ones of the same meaning."""
    return VERBOSE_PHRASE.sub(_shorter, sentence)


def without_fillers(sentence: str) -> str:
    """Return the sentence without words that only intensify."""
    return FILLER.sub("", sentence)


def _shorter(match: re.Match[str]) -> str:
    phrase, space = match.group(1), match.group(2)
    replacement = _REPLACEMENTS[phrase.lower()]
    if not replacement:
        return ""
    if phrase[0].isupper():
        replacement = replacement[0].upper() + replacement[1:]
    return replacement + space
