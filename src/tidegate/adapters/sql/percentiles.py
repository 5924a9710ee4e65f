"""Percentiles out of a histogram of latencies."""

from collections.abc import Sequence

from tidegate.adapters.sql.schema_usage import BOUNDS_MS


def percentile(counts: Sequence[int], percent: float) -> float | None:
    """Milliseconds; within its step a value is taken to be where its rank is. None of nothing; what is above the last bound is told as
    that bound."""
    total = sum(counts)
    if total <= 0:
        return None
    rank = total * percent / 100
    below = 0
    for step, count in enumerate(counts[:-1]):
        if count and below + count >= rank:
            low = BOUNDS_MS[step - 1] if step else 0
            return round(low + (BOUNDS_MS[step] - low) * (rank - below) / count, 3)
        below += count
    return float(BOUNDS_MS[-1])
