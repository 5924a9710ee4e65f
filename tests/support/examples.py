"""Hypothesis over coroutines: each example is checked on the loop that runs, by which a database and its connections stay the same ones."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

T = TypeVar("T")


async def examples(strategy: SearchStrategy[T], count: int, check: Callable[[T], Coroutine[Any, Any, None]]) -> None:
    """Raises what `check` raises for the smallest example that Hypothesis finds."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(strategy)
    def example(value: T) -> None:
        asyncio.run_coroutine_threadsafe(check(value), loop).result()

    await asyncio.to_thread(example)
