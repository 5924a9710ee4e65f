"""Invented and broken input for the laws: places in a JSON value, and values with some of them changed or gone."""

import copy
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "content", "id", "x"]), inner, max_size=3),
    max_leaves=6,
)
SLOW = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in `value`, itself first."""
    found = [at]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*at, key))
    return found


def get(value: Any, at: tuple[Any, ...]) -> Any:
    for key in at:
        value = value[key]
    return value


def mutated(data: st.DataObject, value: Any) -> Any:
    """`value` with one to three places replaced or removed."""
    value = copy.deepcopy(value)
    for _ in range(data.draw(st.integers(1, 3))):
        found = [place for place in places(value) if place]
        if not found:
            break
        place = data.draw(st.sampled_from(found))
        parent = get(value, place[:-1])
        if data.draw(st.booleans()):
            parent[place[-1]] = data.draw(ANY_JSON)
        elif isinstance(parent, dict):
            del parent[place[-1]]
    return value
