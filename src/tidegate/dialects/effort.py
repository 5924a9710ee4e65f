"""The words for how much to think, in their order, and the nearest that a model takes. Both dialects' request encoders ask here."""

_WORDS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_RANK = {word: rank for rank, word in enumerate(_WORDS)}


def nearest(word: str, allowed: tuple[str, ...]) -> str | None:
    """The word of `allowed` that is nearest to `word`, the greater of two that are equally near; None where there is none, or nobody
    knows `word`. To think is never turned into `none`, nor the other way round unless nothing less is there. A provider's own word
    (Groq's `default`) stands for all where it is the only one."""
    if word in allowed:
        return word
    rank = _RANK.get(word)
    if rank is None:
        return None
    known = [(abs(_RANK[other] - rank), -_RANK[other], other) for other in allowed if other in _RANK and other != "none"]
    if known:
        return min(known)[2]
    return next((other for other in allowed if other not in _RANK), None)
