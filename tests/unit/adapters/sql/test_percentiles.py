import random
from bisect import bisect_left
from itertools import pairwise

from tidegate.adapters.sql.percentiles import percentile
from tidegate.adapters.sql.schema_usage import BOUNDS_MS


def test_nothing_has_no_percentile() -> None:
    assert percentile([0] * (len(BOUNDS_MS) + 1), 50) is None


def test_above_all_bounds_the_last_one_is_told() -> None:
    assert percentile([0] * len(BOUNDS_MS) + [3], 50) == BOUNDS_MS[-1]


def test_steps_grow_by_half_at_most_where_it_matters() -> None:
    ratios = [after / before for before, after in pairwise(BOUNDS_MS) if before >= 50]
    assert max(ratios) <= 1.5


def test_percentiles_are_in_the_step_of_the_truth() -> None:
    chance = random.Random(3)
    values = sorted(chance.lognormvariate(6.5, 1) for _ in range(2001))
    counts = [0] * (len(BOUNDS_MS) + 1)
    for value in values:
        counts[bisect_left(BOUNDS_MS, value)] += 1
    for percent in (1, 50, 90, 95, 99):
        true = values[round(percent / 100 * 2000)]
        found = percentile(counts, percent)
        assert found is not None and abs(found - true) / true < 0.25
