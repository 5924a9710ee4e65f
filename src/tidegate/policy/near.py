"""Near names: what somebody may have meant who wrote a name that does not exist. For error messages only."""

import difflib
import heapq
from collections.abc import Iterable, Sequence
from itertools import pairwise

Grams = frozenset[tuple[str, str]]

_SHORTLIST = 24
_PUNCTUATION = str.maketrans(dict.fromkeys("-_./: "))


def grams(name: str) -> Grams:
    """The pairs of neighbouring characters of a name, without its punctuation."""
    text = name.lower().translate(_PUNCTUATION)
    return frozenset(pairwise(text))


def near(name: str, candidates: Iterable[str], limit: int = 3) -> list[str]:
    """The candidates most like `name`, best first; at most `limit`, possibly none."""
    return nearest(name, [(candidate, grams(candidate)) for candidate in dict.fromkeys(candidates)], limit)


def nearest(name: str, candidates: Sequence[tuple[str, Grams]], limit: int = 3) -> list[str]:
    """`near` for thousands of candidates whose `grams` were made before: only a short list is compared in full."""
    wanted = grams(name)
    scored = [(len(wanted & have) / (len(wanted) + len(have) + 1), candidate) for candidate, have in candidates]
    short = heapq.nsmallest(_SHORTLIST, scored, key=lambda item: (-item[0], item[1]))
    lowered = name.lower()
    ranked = [(difflib.SequenceMatcher(None, lowered, c.lower()).ratio() + score, c) for score, c in short]
    ranked.sort(key=lambda item: (-item[0], item[1]))
    return [candidate for ratio, candidate in ranked if ratio >= 0.75][:limit]


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """` Did you mean …?` with a leading space, or nothing."""
    return ask(near(name, candidates))


def ask(found: Sequence[str]) -> str:
    """The question that offers `found`, with a leading space; nothing if there is nothing to offer."""
    if not found:
        return ""
    words = [f"`{word}`" for word in found]
    return f" Did you mean {words[0]}?" if len(words) == 1 else f" Did you mean {', '.join(words[:-1])} or {words[-1]}?"
